import { type Command, InvalidArgumentError } from 'commander';
import type { PerWorkspace, SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { counted } from '../../ops/wording.ts';
import { workspaceId } from '../api/workspace.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { type OpsOptions, operates } from './ops.ts';
import { ask, help, tell } from './pause-resume.ts';

/** A number, or `off`: commander takes null of an option for an empty text. */
type Most = number | 'off';

/** What is left out stays as it is. */
export interface WorkspaceLimitOptions {
  perWorkspaceConcurrency?: Most;
  perWorkspaceRate?: Most;
}

interface LimitOptions extends OpsOptions, WorkspaceLimitOptions {
  workspace?: string;
}

const WORDS = `
Beside the limit of the whole subscriber, one workspace may be limited, so that one that floods
leaves room for the others. What is beyond a limit waits and uses up no tries:
  $ knockon limit crm --per-workspace-concurrency 4 --per-workspace-rate 100
  $ knockon limit crm --workspace Acme --per-workspace-rate 5
`;

export function limitCommand(program: Command): void {
  const command = program
    .command('limit')
    .summary('limit how many events a second a subscriber does, or a workspace has of it')
    .description(
      'Limits how many events a second a subscriber does, all its workers together, or what one ' +
        'workspace may take of it. What is beyond waits and uses up no tries. Groups that were ' +
        'dispatched before are still done as groups.',
    )
    .argument('<name>', 'the subscriber')
    .argument('[per-second]', 'events a second, such as 50 or 0.5; off: any number', rateOf);
  addWorkspaceLimits(command)
    .option('--workspace <name>', 'for this one alone, by its name or id (default: every one)')
    .addHelpText(
      'after',
      WORDS + help('$ knockon limit webhooks 50', '$ knockon limit webhooks off'),
    );
  operates<LimitOptions, [string, Most | undefined]>(command, async (ops, name, rate) => {
    const limit = workspaceLimitOf(ops.options);
    assertSomething(ops.options, rate, limit !== undefined);
    const { workspace } = ops.options;
    const workspace_id = workspace && (await workspaceId(ops.api, workspace));
    const said: string[] = [];
    let status: SubscriberStatus | undefined;
    if (rate !== undefined) {
      status = await ask(ops, 'PUT', name, 'limit', { per_second: orNull(rate) });
      said.push(wholeText(status));
    }
    if (limit) {
      const body = { workspace_id, ...limit };
      status = await ask(ops, 'PUT', name, 'workspace_limit', body);
      said.push(workspaceText(status, workspace, workspace_id));
    }
    tell(ops, status!, () => said.join('\n'));
  });
}

/** Adds what one workspace may take of a subscriber to a command. */
export const addWorkspaceLimits = (command: Command): Command =>
  command
    .option(
      '--per-workspace-concurrency <n>',
      'most calls at once that have events of one workspace; off: any number',
      concurrencyOf,
    )
    .option(
      '--per-workspace-rate <n>',
      'most events a second of one workspace, such as 100 or 0.5; off: any number',
      rateOf,
    );

/** What these options ask for, as the API takes it; undefined: nothing. */
export function workspaceLimitOf({
  perWorkspaceConcurrency: concurrency,
  perWorkspaceRate: per_second,
}: WorkspaceLimitOptions) {
  return concurrency === undefined && per_second === undefined
    ? undefined
    : { concurrency: orNull(concurrency), per_second: orNull(per_second) };
}

const orNull = (most: Most | undefined) => (most === 'off' ? null : most);

/** @throws CommandError */
function assertSomething(
  { workspace }: LimitOptions,
  rate: Most | undefined,
  hasWorkspaces: boolean,
): void {
  if (workspace !== undefined && !hasWorkspaces)
    throw new CommandError(
      '--workspace needs --per-workspace-concurrency or --per-workspace-rate: what it may take',
      EXIT.usage,
    );
  if (rate === undefined && !hasWorkspaces)
    throw new CommandError(
      'name a limit: <per-second>, --per-workspace-concurrency or --per-workspace-rate',
      EXIT.usage,
    );
}

const wholeText = ({ name, per_second }: SubscriberStatus) =>
  per_second === null
    ? `${name} has no limit.`
    : `${name} does up to ${per_second} events a second.`;

function workspaceText(
  { name, per_workspace }: SubscriberStatus,
  workspace: string | undefined,
  id: string | undefined,
): string {
  const own = per_workspace.own.find(({ workspace_id }) => workspace_id === id);
  const what = limitText(id === undefined ? per_workspace : own);
  const who = id === undefined ? 'One workspace' : `The workspace ${workspace}`;
  if (what !== undefined) return `${who} may take ${what} of ${name}.`;
  return id === undefined
    ? `${name} limits no workspace.`
    : `${who} has no limit of its own at ${name}.`;
}

/** What a workspace may take, in words; undefined: any number. */
export function limitText(
  limit: Pick<PerWorkspace, 'concurrency' | 'per_second'> | undefined,
): string | undefined {
  const { concurrency = null, per_second = null } = limit ?? {};
  const parts = [
    ...(concurrency === null ? [] : [`up to ${counted(concurrency, 'call')} at once`]),
    ...(per_second === null ? [] : [`up to ${per_second} events a second`]),
  ];
  return parts.length === 0 ? undefined : parts.join(' and ');
}

function rateOf(text: string): Most {
  if (text === 'off') return text;
  const rate = Number(text.replace(/\/s$/, ''));
  if (rate > 0 && Number.isFinite(rate)) return rate;
  throw new InvalidArgumentError(
    'It must be a number above 0, or off; `knockon pause` lets nothing through.',
  );
}

function concurrencyOf(text: string): Most {
  if (text === 'off') return text;
  const calls = Number(text);
  if (Number.isInteger(calls) && calls >= 1 && calls <= 1000) return calls;
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000, or off.');
}
