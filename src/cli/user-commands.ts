import type { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { drainCommand } from './drain.ts';
import { endpointsCommand } from './endpoints.ts';
import { failedCommand } from './failed.ts';
import { importCommand } from './import.ts';
import { jobsCommand } from './jobs.ts';
import { keysCommand } from './keys.ts';
import { logCommand } from './log.ts';
import { backfillCommand, rebuildCommand, replayCommand } from './replay.ts';
import { retireCommand } from './retire.ts';
import { discardCommand, resetCommand, retryCommand } from './retry.ts';
import { scaleCommand } from './scale.ts';
import { limitCommand, pauseCommand, resumeCommand } from './steer.ts';
import { subscribersCommand } from './subscribers.ts';
import { traceCommand } from './trace.ts';
import { verifyCommand } from './verify.ts';

/** The commands that talk to a running API, as the help groups them; a new one is a name here. */
const groups: Record<string, ((program: Command) => void)[]> = {
  Try: [demoCommand, importCommand],
  Look: [doctorCommand, subscribersCommand, failedCommand, traceCommand, verifyCommand, jobsCommand, logCommand],
  'Steer subscribers': [pauseCommand, resumeCommand, limitCommand, drainCommand, scaleCommand, retireCommand],
  'Do it again, or give it up': [retryCommand, resetCommand, discardCommand, replayCommand, backfillCommand, rebuildCommand],
  'Look after customers': [endpointsCommand, keysCommand],
  'Set up': [completionCommand],
};

export function userCommands(program: Command): void {
  for (const [title, commands] of Object.entries(groups)) {
    program.commandsGroup(`${title}:`);
    for (const add of commands) add(program);
  }
  program.helpCommand('help [command]', 'display help for a command');
}
