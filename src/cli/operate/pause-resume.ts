import type { Command } from 'commander';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { counted } from '../../ops/wording.ts';
import { parseDuration } from '../../text/duration.ts';
import { momentAt, momentIn } from '../terminal/arguments.ts';
import { CommandError, EXIT, warn } from '../terminal/output.ts';
import { OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';

interface PauseOptions extends OpsOptions {
  reason: string;
  until?: string;
}

const UNTIL =
  'when it resumes by itself: a moment such as 2024-01-15T12:00:00Z, or from now such as 30m ' +
  '(default: when somebody resumes it)';

export function pauseCommand(program: Command): void {
  const command = program
    .command('pause')
    .summary("let none of a subscriber's calls begin; its events wait")
    .description(
      "Lets none of a subscriber's calls begin any more, on any worker. Those under way end; " +
        'nothing is skipped: its events wait.',
    )
    .argument('<name>', 'the subscriber')
    .requiredOption('-r, --reason <why>', 'the reason, for other operators')
    .option('-u, --until <when>', UNTIL)
    .addHelpText(
      'after',
      help(
        '$ knockon pause search --reason "the index is being moved"',
        '$ knockon pause webhooks -r "their datacentre" -u 2h',
      ),
    );
  operates<PauseOptions, [string]>(command, async (ops, name) => {
    const { reason, until } = ops.options;
    const status = await ask(ops, 'POST', name, 'pause', {
      reason,
      ...(until && { until: parseFutureTime(until) }),
    });
    tell(
      ops,
      status,
      () =>
        `${name} is paused${endOf(status)}: its events wait. \`knockon resume ${name}\` ends it.`,
    );
  });
}

export function resumeCommand(program: Command): void {
  const command = program
    .command('resume')
    .summary("end a subscriber's pause; what has waited is done")
    .description(
      "Ends a subscriber's pause: what has waited is done, in its order. A limit that was there " +
        'holds again.',
    )
    .argument('<name>', 'the subscriber')
    .addHelpText('after', help('$ knockon resume search'));
  operates<OpsOptions, [string]>(command, async (ops, name) => {
    const status = await ask(ops, 'POST', name, 'resume');
    const held = status.per_second === null ? '' : ` at up to ${status.per_second} events a second`;
    tell(
      ops,
      status,
      () => `${name} goes on${held}. Its backlog: ${counted(status.backlog, 'event')}.`,
    );
  });
}

/** For the end of a command's help. */
export const help = (...examples: string[]) => `
Examples:
${examples.map((example) => `  ${example}`).join('\n')}
  ${examples[0]} --json | jq .state

${OPS_EXIT_CODES}`;

/** Asks for a verb. @returns the subscriber as it is then */
export async function ask(
  ops: Ops,
  method: 'POST' | 'PUT',
  name: string,
  verb: string,
  body?: object,
): Promise<SubscriberStatus> {
  const path = `/v1/ops/subscribers/${encodeURIComponent(name)}/${verb}`;
  return (await ops.api.send<SubscriberStatus>(method, path, body && { body })).body;
}

/** What was done, and where it has not reached Temporal that it hasn't. */
export function tell(
  { terminal, options }: Ops,
  status: SubscriberStatus,
  words: () => string,
): void {
  terminal.out(options.json ? JSON.stringify(status) : words());
  if (!options.json && !status.applied)
    warn(terminal, 'Temporal does not answer: this holds as soon as it does.');
}

/** How a pause ends, in words. */
export const endOf = ({ paused }: SubscriberStatus): string =>
  paused?.until ? ` until ${paused.until}` : '';

/** A moment, or a time from now. @returns RFC 3339, UTC @throws CommandError */
export function parseFutureTime(text: string): string {
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) {
    const number = text.trim();
    throw new CommandError(
      `--until ${number}: ${number} what? It must have a unit, such as ${number}m or ${number}h`,
      EXIT.usage,
    );
  }
  const fromNow = parseDuration(text);
  const at = fromNow === undefined ? momentIn(text) : momentAt(Date.now() + fromNow);
  if (at !== undefined) return at;
  throw new CommandError(
    `--until ${JSON.stringify(text)} must be a moment with its offset such as ` +
      '2024-01-15T12:00:00Z, or from now such as 30m',
    EXIT.usage,
  );
}
