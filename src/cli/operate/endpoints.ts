import { type Command, InvalidArgumentError, Option } from 'commander';
import { closest } from 'fastest-levenshtein';
import type { EndpointEntry, EndpointInFull, Tried } from '../../ops/inspect/endpoints.ts';
import { counted } from '../../ops/operations/counted.ts';
import { workspaceId } from '../api/workspace.ts';
import { isId } from '../terminal/arguments.ts';
import { defaultVerb } from '../terminal/default-verb.ts';
import { CommandError, duration, EXIT, styled, type Terminal, table } from '../terminal/output.ts';
import {
  addOpsOptions,
  limitOption,
  OPS_EXIT_CODES,
  type Ops,
  type OpsOptions,
  operating,
} from './ops.ts';

interface ListOptions extends OpsOptions {
  workspace?: string;
  state?: string;
  host?: string;
  limit: number;
}

/** `off` as it was typed: commander takes null for nothing. */
type Limit = number | 'off';

interface LimitOptions extends OpsOptions {
  concurrency?: Limit;
  reason?: string;
}

const MORE = `
An endpoint is named by its id, its URL or its host. \`knockon endpoints\` alone lists them.
\`knockon endpoints list --help\` shows what narrows the list down.

Examples:
  $ knockon endpoints --state failing
  $ knockon endpoints show shop.example
  $ knockon endpoints limit shop.example 3 --concurrency 1
  $ knockon endpoints try shop.example
  $ knockon endpoints disable shop.example --reason "the customer has left"
  $ knockon endpoints --json | jq -r '.[] | select(.state == "failing") | .url'

${OPS_EXIT_CODES}`;

export function endpointsCommand(program: Command): void {
  const endpoints = program
    .command('endpoints')
    .summary("show customers' webhook endpoints: limit, disable, enable and try them")
    .description("Shows customers' webhook endpoints, of all workspaces, and acts on one of them.")
    .addHelpText('after', MORE);
  const list = defaultVerb(endpoints, 'list', 'list endpoints, newest first')
    .option('--workspace <name>', "only this workspace's: its name or id")
    .addOption(
      new Option('--state <state>', 'only those that are so').choices([
        'active',
        'failing',
        'disabled',
      ]),
    )
    .option('--host <host>', 'only those at this host')
    .addOption(limitOption('endpoints', 50));
  addOpsOptions(list).action(operating<ListOptions, []>(listEndpoints));
  addOne(
    endpoints,
    'show',
    'show how one is, why and since when, what it answered and what waits for it',
  ).action(
    operating<OpsOptions, [string]>(async (ops, endpoint) =>
      tell(ops, await read(ops, endpoint), showInFull),
    ),
  );
  addOne(
    endpoints,
    'limit',
    'limit how many requests a second it gets, or how many at once; the same limits as its owner ' +
      'sets',
  )
    .argument('[per-second]', 'requests a second, such as 3 or 0.5; off: any number', readPerSecond)
    .option(
      '--concurrency <n>',
      'requests at once from each worker process, 1 to 8, or off',
      readAtOnce,
    )
    .option('--reason <why>', 'why, for the log of operations')
    .action(operating<LimitOptions, [string, Limit | undefined]>(limit));
  addOne(
    endpoints,
    'disable',
    'send nothing to it any more; what waits for it and what comes is missed, until an operator ' +
      'enables it',
  )
    .requiredOption('-r, --reason <why>', 'why; its owner reads it')
    .action(
      operating<OpsOptions & { reason: string }, [string]>(async (ops, endpoint) => {
        const { reason } = ops.options;
        tell(
          ops,
          await act(ops, 'POST', endpoint, 'disable', { reason }),
          (_, { url, id }) =>
            `${url} is disabled: nothing is sent to it. \`knockon endpoints enable ${id}\` ` +
            'ends that.',
        );
      }),
    );
  addOne(
    endpoints,
    'enable',
    'send to it again, as if it had never failed; what it missed stays so',
  ).action(
    operating<OpsOptions, [string]>(async (ops, endpoint) =>
      tell(
        ops,
        await act(ops, 'POST', endpoint, 'enable'),
        (_, { url }) => `${url} gets what happens from now on.`,
      ),
    ),
  );
  addOne(
    endpoints,
    'try',
    'end its rest, and send it now what waits for it: the oldest first, as long as it takes it',
  ).action(operating<OpsOptions, [string]>(tryNow));
}

/** A command about one endpoint. */
const addOne = (endpoints: Command, verb: string, description: string): Command =>
  addOpsOptions(
    endpoints
      .command(verb)
      .description(description)
      .argument('<endpoint>', 'its id, its URL or its host')
      .addHelpText('after', `\n${OPS_EXIT_CODES}`),
  );

async function listEndpoints(ops: Ops<ListOptions>): Promise<void> {
  const { api, terminal, options } = ops;
  const { workspace, state, host, limit } = options;
  const query = new URLSearchParams(
    Object.entries({ state, host }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  if (workspace !== undefined) query.set('workspace_id', await workspaceId(api, workspace));
  const found: EndpointEntry[] = [];
  for await (const one of api.list<EndpointEntry>(`/v1/ops/endpoints?${query}`))
    if (found.push(one) >= limit) break;
  if (found.length === 0 && host !== undefined) throw await unknown(ops, host);
  if (options.json) return terminal.out(JSON.stringify(found));
  if (found.length === 0)
    return terminal.out(
      query.size > 0 ? 'There is no such endpoint.' : 'No workspace has made an endpoint yet.',
    );
  const rows = found.map((one) => [
    stateOf(terminal, one),
    one.url,
    one.workspace_name,
    whyOf(one),
    limitsOf(one),
    one.id,
  ]);
  terminal.out(table(terminal, ['state', 'url', 'workspace', 'why', 'limit', 'id'], rows));
}

const colours = { active: 'green', failing: 'red', disabled: 'yellow' } as const;
const stateOf = (terminal: Terminal, { state, resting_until }: EndpointEntry): string =>
  isAhead(resting_until) && state === 'active'
    ? styled(terminal, 'yellow', 'resting')
    : styled(terminal, colours[state], state);

const isAhead = (moment: string | null): moment is string =>
  moment !== null && Date.parse(moment) > Date.now();

/** Why nothing, or little, is sent to it; null where all is well. */
function whyOf({
  disabled,
  failing_since,
  failing_cause,
  failures,
  resting_until,
}: EndpointEntry): string | null {
  const by = { endpoint: 'its own answer', owner: 'its owner', operator: 'an operator' };
  if (disabled) return `by ${by[disabled.by]}: ${disabled.reason}`;
  const cause = failing_cause ?? 'no answer';
  if (failing_since) return `${cause}, ${counted(failures, 'failure')} in a row`;
  return isAhead(resting_until) ? `${cause}, until ${resting_until}` : null;
}

function limitsOf({ max_per_second, max_concurrency }: EndpointEntry): string | null {
  const limits = [
    max_per_second !== null && `${max_per_second}/s`,
    max_concurrency !== null && `${max_concurrency} at once`,
  ];
  return limits.filter(Boolean).join(', ') || null;
}

const ago = (moment: string) => duration(Math.max(0, Date.now() - Date.parse(moment)));

function showInFull(terminal: Terminal, one: EndpointInFull): string {
  const since = one.disabled?.at ?? one.failing_since;
  const { waiting, given_up, answers } = one;
  const oldest = waiting.oldest_at ? `, the oldest for ${ago(waiting.oldest_at)}` : '';
  const lines: [string, string | null][] = [
    ['id', one.id],
    ['workspace', `${one.workspace_name} (${one.workspace_id})`],
    ['says of itself', one.description],
    ['wants', one.event_types.join(' ')],
    ['state', `${stateOf(terminal, one)}${since ? ` since ${since} (${ago(since)})` : ''}`],
    ['why', whyOf(one)],
    ['next try', one.state === 'failing' ? (one.next_try_at ?? 'now') : null],
    ['rests until', isAhead(one.resting_until) ? one.resting_until : null],
    ['limit', limitsOf(one) ?? 'none'],
    ['waiting', `${counted(waiting.count, 'event')}${oldest}`],
    ['given up', counted(given_up, 'event')],
  ];
  const known = lines.flatMap(([name, value]) => (value ? [`${name.padEnd(16)}${value}`] : []));
  const rows = answers.map((a) => [
    a.attempted_at,
    a.delivery_id,
    a.event_type,
    a.status,
    duration(a.latency_ms),
    a.error ?? 'taken',
    a.response_excerpt?.slice(0, 40).replaceAll(/\s+/g, ' '),
  ]);
  const lately =
    rows.length === 0
      ? 'It has answered nothing yet.'
      : table(terminal, ['answered', 'delivery', 'event', 'status', 'after', 'so', 'text'], rows);
  return [styled(terminal, 'bold', one.url), ...known, '', lately].join('\n');
}

async function limit(
  ops: Ops<LimitOptions>,
  endpoint: string,
  perSecond: Limit | undefined,
): Promise<void> {
  const { concurrency, reason } = ops.options;
  if (perSecond === undefined && concurrency === undefined)
    throw new CommandError(
      'Limit it to what? Give requests a second (such as 3, or off), or --concurrency.',
      EXIT.usage,
    );
  const body = { per_second: asked(perSecond), concurrency: asked(concurrency), reason };
  const changed = await act(ops, 'PUT', endpoint, 'limit', body);
  tell(ops, changed, (_, one) => `${one.url}: ${limitsOf(one) ?? 'no limit'}.`);
}

async function tryNow(ops: Ops, endpoint: string): Promise<number> {
  const path = `/v1/ops/endpoints/${await idOf(ops, endpoint)}/try`;
  const { body } = await ops.api.send<Tried & { endpoint: EndpointInFull }>('POST', path);
  ops.terminal.out(ops.options.json ? JSON.stringify(body) : saidOf(body));
  return body.answer?.error ? EXIT.failed : EXIT.done;
}

function saidOf({
  tried,
  delivered,
  answer,
  endpoint: { url, waiting, id },
}: Tried & { endpoint: EndpointInFull }): string {
  if (!answer) return `${url} rests no more. Nothing waits for it: the next event is sent at once.`;
  const left =
    waiting.count === 0
      ? 'nothing waits any more.'
      : `${counted(waiting.count, 'event')} still wait, and follow by themselves.`;
  if (answer.error)
    return (
      `${url} does not take it: ${answer.error}. ${delivered} of ${tried} delivered; ${left} ` +
      `\`knockon endpoints show ${id}\``
    );
  return `${url} works: ${counted(delivered, 'event')} delivered; ${left}`;
}

const read = async (ops: Ops, endpoint: string) =>
  await ops.api.get<EndpointInFull>(`/v1/ops/endpoints/${await idOf(ops, endpoint)}`);

const act = async (
  ops: Ops,
  method: 'POST' | 'PUT',
  endpoint: string,
  verb: string,
  body?: object,
) =>
  (
    await ops.api.send<EndpointInFull>(
      method,
      `/v1/ops/endpoints/${await idOf(ops, endpoint)}/${verb}`,
      body && { body },
    )
  ).body;

const tell = (
  { terminal, options }: Ops,
  one: EndpointInFull,
  words: (terminal: Terminal, one: EndpointInFull) => string,
): void => terminal.out(options.json ? JSON.stringify(one) : words(terminal, one));

/**
 * The id of the endpoint that somebody has named. @throws CommandError where there is none, with
 * the nearest, or several
 */
async function idOf(ops: Ops, named: string): Promise<string> {
  if (isId(named)) return named;
  const host =
    URL.canParse(named) && named.includes('//')
      ? new URL(named).host
      : named.replace(/^[^/]*\/\//, '').split('/')[0]!;
  if (host === '')
    throw new CommandError('Which endpoint? Give its id, its URL or its host.', EXIT.usage);
  const found: EndpointEntry[] = [];
  for await (const one of ops.api.list<EndpointEntry>(
    `/v1/ops/endpoints?${new URLSearchParams({ host })}`,
  ))
    if (found.push(one) >= MOST) break;
  const exact = found.filter(({ url }) => url === named);
  const [one, ...others] = exact.length > 0 ? exact : found;
  if (!one) throw await unknown(ops, host);
  if (others.length === 0) return one.id;
  const some = [one, ...others]
    .slice(0, 10)
    .map(({ id, url, workspace_name }) => `\n  ${id}  ${url}  ${workspace_name}`);
  throw new CommandError(`Several endpoints are named so; give an id:${some.join('')}`, EXIT.usage);
}

/** How many endpoints are looked through for a name. */
const MOST = 1000;

async function unknown({ api }: Ops, host: string): Promise<CommandError> {
  const hosts = new Set<string>();
  for await (const { url } of api.list<EndpointEntry>('/v1/ops/endpoints'))
    if (hosts.add(URL.canParse(url) ? new URL(url).host : url).size >= MOST) break;
  const near =
    hosts.size > 0
      ? `; did you mean ${closest(host, [...hosts])}?`
      : ': no workspace has made an endpoint yet.';
  return new CommandError(`There is no endpoint at ${host}${near}`);
}

const asked = (limit: Limit | undefined) => (limit === 'off' ? null : limit);

function readPerSecond(text: string): Limit {
  if (text === 'off') return text;
  const value = Number(text);
  if (value >= 0.01 && value <= 10_000) return value;
  throw new InvalidArgumentError(
    'It must be a number from 0.01 to 10000, or off; `knockon endpoints disable` lets nothing ' +
      'through.',
  );
}

function readAtOnce(text: string): Limit {
  if (text === 'off') return text;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 8) return value;
  throw new InvalidArgumentError('It must be a whole number from 1 to 8, or off.');
}
