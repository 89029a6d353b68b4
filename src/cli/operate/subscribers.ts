import type { Command } from 'commander';
import type { Retirement } from '../../ops/status/retirement.ts';
import type { SubscriberStatus } from '../../ops/status/subscriber-status.ts';
import { howToStart } from '../../ops/wording.ts';
import { type Api, ApiProblem, collect, createApi } from '../api/client.ts';
import { findApi } from '../api/find-api.ts';
import type { ApiOptions } from '../api/options.ts';
import {
  duration,
  EXIT,
  endOnInterrupt,
  processTerminal,
  reported,
  styled,
  type Terminal,
} from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { oneLine } from '../terminal/visible.ts';
import { limitText } from './limit.ts';
import { addOpsOptions } from './ops.ts';

/** A subscriber, as `GET /v1/subscribers` answers a workspace's key. */
interface SubscriberView {
  name: string;
  event_types: string[];
  task_queue: string;
  ordering: string;
  state: string;
  backlog: number;
  backlog_age_seconds: number;
  lag_seconds: number;
}

const MORE = `
Columns with an operator's key:
  state    active, paused (the line below the table says by whom, why and until when), limited, or
           retired (it gets nothing new). Red: no worker, or half of its tries fail
  backlog  events that it has neither done nor given up; oldest: the age of the oldest
  waiting  events that wait for a time of their own, such as a mail that gives its reader time
  done/s   events done a second, over the last minute
  errors   the share of tries that failed in the last five minutes
  workers  worker processes that take its calls, and the versions they run

With --json there is also \`health\`: ok, degraded (5 % fail), failing (50 %) or down (no worker).

Columns with a workspace's key (--api-key, or KNOCKON_API_KEY if no operator's key is known):
  backlog  your workspace's events that it has neither done nor given up
  lag      the age of the oldest dispatched event that it has neither done nor given up

Examples:
  $ knockon subscribers
  $ knockon subscribers --json | jq '.[] | select(.state == "paused") | .name'

Exit codes: 0 shown; 1 the API refuses; 2 wrong usage; 3 the API can't be reached.`;

export function subscribersCommand(program: Command): void {
  const command = program
    .command('subscribers')
    .summary('show who listens to what, and how they are doing')
    .description(
      'Shows who listens to what and how they are doing: state, backlog, what gets done, errors ' +
        'and workers.',
    )
    .addHelpText('after', MORE);
  addOpsOptions(command).action(
    reported(async (options: ApiOptions) => {
      const address = findApi(options, {}, 'operator');
      const api = createApi(address, { unreachable: EXIT.unreachable });
      endOnInterrupt();
      await showEither(api, processTerminal(), options, address.key).finally(() => api.close());
    }),
  );
}

/**
 * `--api-key` and KNOCKON_API_KEY may be an operator's key or a workspace's: who has the latter
 * sees less.
 */
async function showEither(
  api: Api,
  terminal: Terminal,
  { apiKey = process.env.KNOCKON_API_KEY, json }: ApiOptions,
  key: string,
): Promise<void> {
  await showStatuses(api, terminal, json).catch(async (error) => {
    if (!(error instanceof ApiProblem && error.status === 401) || key !== apiKey) throw error;
    await showSubscribers(api, terminal, json);
  });
}

const NOBODY =
  'Nobody has subscribed yet: a worker registers its effects when it starts (`knockon worker ' +
  'effects`).';

/** What an operator sees. */
export async function showStatuses(api: Api, terminal: Terminal, json?: boolean): Promise<void> {
  const all = await collect(api.list<SubscriberStatus>('/v1/ops/subscribers'));
  if (json) return terminal.out(JSON.stringify(all));
  if (all.length === 0) return terminal.out(NOBODY);
  const rows = all.map((s) => rowOf(terminal, s));
  terminal.out(table(terminal, HEAD, rows, 4));
  for (const line of all.flatMap(notes)) terminal.out(`\n${oneLine(line)}`);
}

const HEAD =
  'subscriber,state,task queue,versions,workers,backlog,oldest,waiting,done/s,errors'.split(',');

const colours = { ok: 'green', degraded: 'yellow', failing: 'red', down: 'red' } as const;

function rowOf(terminal: Terminal, s: SubscriberStatus): (string | number)[] {
  const state = s.state === 'limited' ? `≤ ${s.per_second}/s` : s.state;
  // Nothing is green that does not work; what is wrong is told in the columns of errors and
  // workers.
  const colour = s.health === 'ok' && s.state !== 'active' ? 'yellow' : colours[s.health];
  const oldest = s.backlog === 0 ? '–' : duration(s.backlog_age_seconds * 1000);
  const digits = s.error_rate > 0 && s.error_rate < 0.1 ? 1 : 0;
  const errors = `${(s.error_rate * 100).toFixed(digits)} %`;
  const workers = s.workers === 0 && !s.retired ? styled(terminal, 'red', '0') : s.workers;
  const versions = s.versions.join(' ') || '–';
  return [
    s.name,
    styled(terminal, colour, state),
    s.task_queue,
    versions,
    workers,
    s.backlog,
    oldest,
    s.waiting,
    s.rate.toFixed(1),
    errors,
  ];
}

function notes(status: SubscriberStatus): string[] {
  const { name, paused, applied, workers, retired } = status;
  if (retired)
    return [
      `${name} was retired by ${retired.by} at ${retired.at}: nothing new is for ` +
        `it.${wayOf(retired)}`,
    ];
  const until = paused?.until ? `until ${paused.until}` : 'until somebody resumes it';
  return [
    ...limitNote(status),
    ...(paused
      ? [`${name} was paused by ${paused.by} at ${paused.at}, ${until}: ${paused.reason}`]
      : []),
    ...(applied
      ? []
      : [`${name}: Temporal does not answer; what was asked holds as soon as it does.`]),
    ...(workers === 0
      ? [`${name} has no worker: its events wait. To go on, ${howToStart(status)}.`]
      : []),
  ];
}

function limitNote({ name, per_workspace }: SubscriberStatus): string[] {
  const every = limitText(per_workspace);
  const { length } = per_workspace.own;
  if (every === undefined && length === 0) return [];
  const own = length === 1 ? 'one has a limit of its own' : `${length} have limits of their own`;
  const said = [
    ...(every === undefined ? [] : [`one workspace may take ${every}`]),
    ...(length === 0 ? [] : [`${own} (see \`--json\`)`]),
  ];
  return [`${name}: ${said.join('; ')}.`];
}

function wayOf({ open, handed_to, operation_id }: Retirement): string {
  const hands = open === 'discard' ? 'is given up' : `is handed to ${handed_to}`;
  const way = open === 'finish' ? 'is finished by its workers' : hands;
  return ` What was open ${way}: \`knockon operations ${operation_id}\`.`;
}

/** What a workspace's key may see. */
export async function showSubscribers(api: Api, terminal: Terminal, json?: boolean): Promise<void> {
  const all = await collect(api.list<SubscriberView>('/v1/subscribers'));
  if (json) return terminal.out(JSON.stringify(all));
  if (all.length === 0) return terminal.out(NOBODY);
  const rows = all.map((s) => [
    s.name,
    s.event_types.join(' '),
    s.task_queue,
    s.ordering,
    s.state,
    s.backlog,
    duration(s.lag_seconds * 1000),
  ]);
  const head = ['subscriber', 'events', 'task queue', 'ordering', 'state', 'backlog', 'lag'];
  terminal.out(table(terminal, head, rows, 5));
}
