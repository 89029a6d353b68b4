import type { Command } from 'commander';
import { demoCommand } from './demo.ts';
import { importCommand } from './import.ts';
import { logCommand } from './log.ts';
import { subscribersCommand } from './subscribers.ts';
import { traceCommand } from './trace.ts';
import { verifyCommand } from './verify.ts';

/** The commands that talk to a running API; a new one is a line here. */
export const userCommands: ((program: Command) => void)[] = [
  demoCommand,
  importCommand,
  traceCommand,
  subscribersCommand,
  verifyCommand,
  logCommand,
];
