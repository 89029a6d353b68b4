import type { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { drainCommand } from './drain.ts';
import { failedCommand } from './failed.ts';
import { importCommand } from './import.ts';
import { jobsCommand } from './jobs.ts';
import { logCommand } from './log.ts';
import { backfillCommand, rebuildCommand, replayCommand } from './replay.ts';
import { discardCommand, resetCommand, retryCommand } from './retry.ts';
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
  failedCommand,
  retryCommand,
  discardCommand,
  resetCommand,
  replayCommand,
  backfillCommand,
  rebuildCommand,
  jobsCommand,
  verifyCommand,
  logCommand,
  doctorCommand,
  completionCommand,
];
