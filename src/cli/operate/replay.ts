import type { Command } from 'commander';
import type { ReplayPlan } from '../../ops/operations/replay.ts';
import { counted } from '../../ops/wording.ts';
import { workspaceId } from '../api/workspace.ts';
import { idFrom, parsePastTime } from '../terminal/arguments.ts';
import { CommandError, EXIT, type Terminal } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { begin } from '../trace/follow.ts';
import { paceOf } from './dead-letter-filter.ts';
import { addYes, confirm, OPS_EXIT_CODES, type Ops, type OpsOptions, operates } from './ops.ts';
import { addOperationOptions } from './retry.ts';

interface OperationOptions extends OpsOptions {
  perSecond?: string;
  reason?: string;
  detach?: boolean;
}

interface ReplayOptions extends OperationOptions {
  from?: string;
  to?: string;
  channel?: string;
  key?: string;
  type?: string;
  subscriber?: string;
  message?: string;
  workspace?: string;
  dryRun?: boolean;
  force?: boolean;
}

const replayHelp = `
Dead letters are tried again. Completed effects run again only if that changes nothing: search.
--force also repeats effects that reach the outside: webhooks are sent once more, under the same
webhook-id, so that receivers can tell. Counting and ordered effects (analytics, cache, audit)
never run again: \`knockon rebuild\` makes the first two anew. Effects in flight are left alone.

It runs 500 events a second, so that live traffic keeps its latency. --per-second changes that.

Examples:
  $ knockon replay --from 2h --subscriber search --dry-run
  $ knockon replay --from 2024-01-15T12:00:00Z --to 2024-01-15T13:00:00Z --subscriber webhooks --force
  $ knockon replay --message 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70 --yes

${OPS_EXIT_CODES}`;

export function replayCommand(program: Command): void {
  const command = program
    .command('replay')
    .summary('run effects again for events of the log')
    .description(
      'Runs effects again for events of the log. First it shows what it would do, and asks.',
    )
    .option(
      '--from <when>',
      'events of that moment or later: 2024-01-15T12:00:00Z, or 2h for two hours ago',
    )
    .option('--to <when>', 'events before that moment (default: all that are there)')
    .option('--channel <id>', 'only of this channel', idFrom('`GET /v1/channels` shows channels.'))
    .option('--key <key>', 'only of this key; needs --workspace')
    .option('--type <type>', 'only of this type')
    .option(
      '-s, --subscriber <name>',
      'only for this subscriber, and then also what was never dispatched to it',
    )
    .option('--message <id>', 'only of this message', idFrom('`knockon failed` shows messages.'))
    .option('--workspace <name>', 'only of this workspace: its name or id')
    .option('--dry-run', 'show what it would do, and do nothing')
    .option('--force', 'also do again what calls the outside')
    .addHelpText('after', replayHelp);
  addYes(operates(addOperationOptions(command), replay));
}

async function replay(ops: Ops<ReplayOptions>): Promise<number> {
  const { api, terminal, options } = ops;
  const { channel, key, type, subscriber, message, workspace, force, reason } = options;
  if (key !== undefined && workspace === undefined)
    throw new CommandError('--key needs --workspace: each workspace has its own keys', EXIT.usage);
  // Answers with the nearest name where there is none of that name.
  if (subscriber !== undefined)
    await api.get(`/v1/ops/subscribers/${encodeURIComponent(subscriber)}`);
  const workspace_id = workspace === undefined ? undefined : await workspaceId(api, workspace);
  const body = {
    channel_id: channel,
    key,
    type,
    subscriber,
    message_id: message,
    workspace_id,
    force,
    reason,
    ...paceOf(options),
    from: options.from === undefined ? undefined : parsePastTime('--from', options.from),
    to: options.to === undefined ? undefined : parsePastTime('--to', options.to),
  };
  if (options.dryRun || !options.yes) {
    const { body: plan } = await api.send<Plan>('POST', '/v1/ops/replays', {
      body: { ...body, dry_run: true },
    });
    if (options.dryRun)
      terminal.out(options.json ? JSON.stringify(plan) : showPlan(terminal, plan));
    if (options.dryRun) return EXIT.done;
    if (!options.json) terminal.err(showPlan(terminal, plan));
    await confirm(ops, `Bring about ${counted(plan.effects, 'effect')}?`);
  }
  return await begin(ops, '/v1/ops/replays', { ...body, dry_run: false });
}

type Plan = ReplayPlan & { summary: string; effects: number };

function showPlan(terminal: Terminal, { summary, subscribers }: Plan): string {
  if (subscribers.length === 0) return `${summary}: there is nothing to do.`;
  const head = ['subscriber', 'runs', 'of it dead', 'skipped', 'under way', 'never its', 'again'];
  const rows = subscribers.map((s) => [
    s.name,
    s.runs,
    s.retries,
    s.skipped,
    s.in_flight,
    s.never,
    s.again,
  ]);
  const planTable = table(terminal, head, rows, 1);
  return `${summary}\n\n${planTable}`;
}

const backfillHelp = `
It takes the events of the log that were dispatched before the subscriber was registered. Later
events come by themselves. No event is left out between the two, and none comes twice. It runs 500
events a second unless --per-second says otherwise.

The command stays until every event is done, also those that the effect puts off with later(). A
group of events counts once all of it is done. Ctrl-C and --detach leave the backfill running.

Examples:
  $ knockon backfill links
  $ knockon backfill links --from 30d --per-second 100

${OPS_EXIT_CODES}`;

interface BackfillOptions extends OperationOptions {
  from?: string;
}

export function backfillCommand(program: Command): void {
  const command = program
    .command('backfill')
    .summary('give a new subscriber what happened before it was there')
    .description('Gives a subscriber the events that were dispatched before it was registered.')
    .argument('<name>', 'the subscriber')
    .option(
      '--from <when>',
      'events of that moment or later (default: from the beginning of the log)',
    )
    .addHelpText('after', backfillHelp);
  operates<BackfillOptions, [string]>(addOperationOptions(command), async (ops, subscriber) => {
    const { from, reason } = ops.options;
    const body = {
      subscriber,
      from: from === undefined ? undefined : parsePastTime('--from', from),
      ...paceOf(ops.options),
      reason,
    };
    return await begin(ops, '/v1/ops/backfills', body);
  });
}

const rebuildHelp = `
Readers see the old projection until the new one is complete. Events of the meantime are in the new
one too.

Examples:
  $ knockon rebuild search
  $ knockon rebuild analytics --detach

${OPS_EXIT_CODES}`;

export function rebuildCommand(program: Command): void {
  const command = program
    .command('rebuild')
    .summary('make search, analytics or cache anew from what is stored')
    .description('Makes a projection anew from what is stored, and swaps at the end.')
    .argument('<name>', 'search, analytics or cache')
    .addHelpText('after', rebuildHelp);
  operates<OperationOptions, [string]>(addOperationOptions(command), async (ops, subscriber) => {
    if (subscriber === '')
      throw new CommandError('<name> must be search, analytics or cache', EXIT.usage);
    const body = { subscriber, ...paceOf(ops.options), reason: ops.options.reason };
    return await begin(ops, '/v1/ops/rebuilds', body);
  });
}
