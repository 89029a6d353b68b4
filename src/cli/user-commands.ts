import type { Command } from 'commander';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { drainCommand } from './drain.ts';
import { importCommand } from './import.ts';
import { logCommand } from './log.ts';
import { scaleCommand } from './scale.ts';
import { limitCommand, pauseCommand, resumeCommand } from './steer.ts';
import { subscribersCommand } from './subscribers.ts';
import { traceCommand } from './trace.ts';
import { verifyCommand } from './verify.ts';

/** The commands that talk to a running API; a new one is a line here. */
export const userCommands: ((program: Command) => void)[] = [
  demoCommand,
  importCommand,
  traceCommand,
  subscribersCommand,
  pauseCommand,
  resumeCommand,
  limitCommand,
  drainCommand,
  scaleCommand,
  verifyCommand,
  logCommand,
  doctorCommand,
];
