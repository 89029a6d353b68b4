import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { counted } from '../../ops/wording.ts';
import { parseDuration } from '../../text/duration.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';
import { ask, endOf, parseFutureTime, tell } from './pause-resume.ts';

interface DrainOptions extends OpsOptions {
  reason: string;
  until?: string;
  wait: string;
}

const MORE = `
Examples:
  $ knockon drain webhooks --reason "a new version" && echo "its workers can be stopped"
  $ knockon drain webhooks -r "a new version" --json | jq .drained

Exit code 1 also says that calls were still under way when --wait was over.

${OPS_EXIT_CODES}`;

/** `knockon drain NAME`: a pause, and waiting until nothing of it runs. */
export function drainCommand(program: Command): void {
  const command = program
    .command('drain')
    .summary('pause a subscriber, and wait until nothing of it runs any more')
    .description(
      'Pauses a subscriber and waits until its calls under way have ended, so that its workers ' +
        'can be stopped or changed.',
    )
    .argument('<name>', 'the subscriber')
    .option('-r, --reason <why>', 'the reason, for other operators', 'drained')
    .option(
      '-u, --until <when>',
      'when it resumes by itself, a moment or from now such as 30m (default: when somebody ' +
        'resumes it)',
    )
    .option('--wait <time>', 'longest wait for what runs', '2m')
    .addHelpText('after', MORE);
  operates(command, drain);
}

async function drain(ops: Ops<DrainOptions>, name: string): Promise<number> {
  const { reason, until, wait: patience } = ops.options;
  const longest = parseDuration(patience);
  if (longest === undefined)
    throw new CommandError(
      `--wait ${JSON.stringify(patience)} must be a time such as 30s or 2m`,
      EXIT.usage,
    );
  const given = { reason, ...(until && { until: parseFutureTime(until) }) };
  const status = await untilDrained(ops, await ask(ops, 'POST', name, 'drain', given), longest);
  tell(
    ops,
    status,
    () =>
      `${name} is paused${endOf(status)}, ${inWords(status)} \`knockon resume ${name}\` ends it.`,
  );
  return status.drained ? EXIT.done : EXIT.failed;
}

/** Workers say every few seconds what they are at. */
async function untilDrained(
  { api, terminal, options }: Ops,
  asked: SubscriberStatus,
  longest: number,
): Promise<SubscriberStatus> {
  let status = asked;
  const end = Date.now() + longest;
  if (!status.drained && !options.json) terminal.err('Waiting for what runs …');
  while (!status.drained && status.paused && Date.now() < end) {
    await wait(500);
    status = await api.get<SubscriberStatus>(
      `/v1/ops/subscribers/${encodeURIComponent(status.name)}`,
    );
  }
  return status;
}

function inWords({ drained, processes, backlog }: SubscriberStatus): string {
  const running = processes.reduce((sum, process) => sum + (process.running ?? 0), 0);
  return drained
    ? `nothing of it runs. Its backlog: ${counted(backlog, 'event')}.`
    : `with ${counted(running, 'call')} still under way.`;
}
