import type { Command } from 'commander';
import { counted } from '../../ops/wording.ts';
import { idsFrom } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { begin } from '../trace/follow.ts';
import {
  addDeadLetterOptions,
  chosenDeadLetters,
  type DeadLetterOptions,
  paceOf,
} from './dead-letter-filter.ts';
import { addYes, confirm, OPS_EXIT_CODES, type Ops, operates } from './ops.ts';

/** Where a dead letter's id is to be found. */
const SHOWN = '`knockon failed` shows dead letters, each with its id.';

const retryHelp = `
What is done stays done: receipts and deliveries prevent a second time. What fails again becomes a
dead letter again.

Examples:
  $ knockon retry --subscriber webhooks --cause "HTTP 500"
  $ knockon retry 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70
  $ knockon retry --all --per-second 50 --json | jq .failed

${OPS_EXIT_CODES}`;

/** Adds the options of commands that begin long work. */
export const addOperationOptions = (command: Command): Command =>
  command
    .option('--per-second <n>', 'events per second at most')
    .option('--reason <why>', 'why, for the action log')
    .option('-d, --detach', 'start it and return at once');

export function retryCommand(program: Command): void {
  const command = program
    .command('retry')
    .summary('try dead letters again')
    .description("Tries dead letters again, with their subscriber's policy from its beginning.")
    .argument('[ids...]', "dead letters' ids, as `knockon failed` shows them", idsFrom(SHOWN))
    .option('--all', 'all of them')
    .addHelpText('after', retryHelp);
  operates(addOperationOptions(addDeadLetterOptions(command)), retry);
}

async function retry(ops: Ops<DeadLetterOptions>, ids: string[]): Promise<number> {
  const { reason } = ops.options;
  const body = {
    ...(await chosenDeadLetters(ids, ops)),
    ...paceOf(ops.options),
    ...(reason && { reason }),
  };
  return await begin(ops, '/v1/ops/dead_letters/retry', body);
}

const discardHelp = `
Each becomes an event of its workspace, effect.discarded, which the audit chain records. The effect
does not happen, and nothing reminds of it any more.

Examples:
  $ knockon discard --subscriber webhooks --cause "HTTP 404" --reason "the customer has left"
  $ knockon discard 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --reason "a test" --yes

${OPS_EXIT_CODES}`;

export function discardCommand(program: Command): void {
  const command = program
    .command('discard')
    .summary('discard dead letters for good')
    .description('Discards dead letters for good. It can not be taken back.')
    .argument('[ids...]', "dead letters' ids, as `knockon failed` shows them", idsFrom(SHOWN))
    .option('--all', 'all of them')
    .requiredOption('-r, --reason <why>', 'the reason, for the audit chain')
    .addHelpText('after', discardHelp);
  addYes(operates(addDeadLetterOptions(command), discard));
}

async function discard(ops: Ops<DeadLetterOptions>, ids: string[]): Promise<void> {
  const chosen = await chosenDeadLetters(ids, ops);
  const fitting = ops.options.all ? 'all dead letters' : `dead letters (${describe(chosen)})`;
  const which = ids.length > 0 ? counted(ids.length, 'dead letter') : fitting;
  await confirm(ops, `Discard ${which} for good?`);
  const body = { ...chosen, reason: ops.options.reason };
  const answer = await ops.api.send<{ discarded: number }>('POST', '/v1/ops/dead_letters/discard', {
    body,
  });
  ops.terminal.out(
    ops.options.json
      ? JSON.stringify(answer.body)
      : `Discarded: ${counted(answer.body.discarded, 'effect')}.`,
  );
}

const describe = (chosen: object) =>
  Object.entries('filter' in chosen ? (chosen.filter as object) : {})
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(', ');

const resetHelp = `
Temporal resets the workflow: a new run calls every effect again, and receipts skip what is done.
One workflow is reset at once. Many are reset as an operation, 20 a second by default.

Examples:
  $ knockon reset 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70
  $ knockon reset --subscriber webhooks --from 2h

${OPS_EXIT_CODES}`;

export function resetCommand(program: Command): void {
  const command = program
    .command('reset')
    .summary('reset failed workflows to their first task')
    .description(
      'Resets a workflow, or those that have given up these dead letters, to the first workflow ' +
        'task.',
    )
    .argument('[workflow]', "the workflow's id, with KNOCKON_DEPLOYMENT's prefix or without")
    .option('--all', 'those of all dead letters')
    .addHelpText('after', resetHelp);
  operates(addOperationOptions(addDeadLetterOptions(command)), reset);
}

async function reset(ops: Ops<DeadLetterOptions>, workflow?: string): Promise<number | void> {
  if (workflow === undefined) {
    const { reason } = ops.options;
    const body = {
      ...(await chosenDeadLetters([], ops)),
      ...paceOf(ops.options),
      ...(reason && { reason }),
    };
    return await begin(ops, '/v1/ops/resets', body);
  }
  if (ops.options.all) throw new CommandError('Give a workflow or --all, not both.', EXIT.usage);
  const path = `/v1/ops/workflows/${encodeURIComponent(workflow)}/reset`;
  const { body } = await ops.api.send<{ id: string; run_id: string; url: string | null }>(
    'POST',
    path,
  );
  ops.terminal.out(
    ops.options.json ? JSON.stringify(body) : `${body.id} runs again: ${body.url ?? body.run_id}`,
  );
}
