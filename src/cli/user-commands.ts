import type { Command } from 'commander';
import { demoCommand } from './demo/demo.ts';
import { cancelCommand } from './emit/cancel.ts';
import { emitCommand } from './emit/emit.ts';
import { importCommand } from './import/command.ts';
import { doctorCommand } from './operate/doctor.ts';
import { drainCommand } from './operate/drain.ts';
import { endpointsCommand } from './operate/endpoints.ts';
import { eventTypesCommand } from './operate/event-types.ts';
import { failedCommand } from './operate/failed.ts';
import { keysCommand } from './operate/keys.ts';
import { limitCommand } from './operate/limit.ts';
import { logCommand } from './operate/log.ts';
import { operationsCommand } from './operate/operations.ts';
import { pauseCommand, resumeCommand } from './operate/pause-resume.ts';
import { backfillCommand, rebuildCommand, replayCommand } from './operate/replay.ts';
import { retireCommand } from './operate/retire.ts';
import { discardCommand, resetCommand, retryCommand } from './operate/retry.ts';
import { scaleCommand } from './operate/scale.ts';
import { scheduleCommand } from './operate/schedule.ts';
import { scheduledCommand } from './operate/scheduled.ts';
import { schedulesCommand } from './operate/schedules.ts';
import { subscribeCommand, unsubscribeCommand } from './operate/subscribe.ts';
import { subscribersCommand } from './operate/subscribers.ts';
import { verifyCommand } from './operate/verify.ts';
import { completionCommand } from './terminal/completion.ts';
import { traceCommand } from './trace/trace.ts';

/** The commands that talk to a running API, as the help groups them; a new one is a name here. */
const groups: Record<string, ((program: Command) => void)[]> = {
  Try: [demoCommand, importCommand, emitCommand, cancelCommand],
  Look: [
    doctorCommand,
    subscribersCommand,
    failedCommand,
    traceCommand,
    verifyCommand,
    scheduledCommand,
    operationsCommand,
    logCommand,
  ],
  'Steer subscribers': [
    subscribeCommand,
    unsubscribeCommand,
    pauseCommand,
    resumeCommand,
    limitCommand,
    drainCommand,
    scaleCommand,
    retireCommand,
  ],
  'Do it again, or give it up': [
    retryCommand,
    resetCommand,
    discardCommand,
    replayCommand,
    backfillCommand,
    rebuildCommand,
  ],
  'Look after customers': [endpointsCommand, keysCommand],
  'Say what may be emitted': [eventTypesCommand],
  'Emit again and again': [scheduleCommand, schedulesCommand],
  'Set up': [completionCommand],
};

export function userCommands(program: Command): void {
  for (const [title, commands] of Object.entries(groups)) {
    program.commandsGroup(`${title}:`);
    for (const add of commands) add(program);
  }
  program.helpCommand('help [command]', 'display help for a command');
}
