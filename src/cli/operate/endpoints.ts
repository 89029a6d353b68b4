import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Tried } from '../../ops/controls/endpoint.ts';
import type { EndpointEntry, EndpointInFull } from '../../ops/inspect/endpoints.ts';
import { collect } from '../api/client.ts';
import { endpointId, unknownEndpoint } from '../api/endpoint.ts';
import { workspaceId } from '../api/workspace.ts';
import { CommandError, EXIT, type Terminal } from '../terminal/output.ts';
import { describe, limitsOf, resultOf, tableOf } from './endpoint-text.ts';
import {
  addOpsOptions,
  defaultVerb,
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
  addList(endpoints);
  const showHelp = 'show how one is, why and since when, what it answered and what waits for it';
  addOne(endpoints, 'show', showHelp).action(operating<OpsOptions, [string]>(show));
  addLimit(endpoints);
  const disableHelp =
    'send nothing to it any more; what waits for it and what comes is missed, until an operator ' +
    'enables it';
  addOne(endpoints, 'disable', disableHelp)
    .requiredOption('-r, --reason <why>', 'why; its owner reads it')
    .action(operating<OpsOptions & { reason: string }, [string]>(disable));
  const enableHelp = 'send to it again, as if it had never failed; what it missed stays so';
  addOne(endpoints, 'enable', enableHelp).action(operating<OpsOptions, [string]>(enable));
  const tryHelp =
    'end its rest, and send it now what waits for it: the oldest first, as long as it takes it';
  addOne(endpoints, 'try', tryHelp).action(operating<OpsOptions, [string]>(tryNow));
}

function addList(endpoints: Command): void {
  const states = ['active', 'failing', 'disabled'];
  const list = defaultVerb(endpoints, 'list', 'list endpoints, newest first')
    .option('--workspace <name>', "only this workspace's: its name or id")
    .addOption(new Option('--state <state>', 'only endpoints in this state').choices(states))
    .option('--host <host>', 'only those at this host')
    .addOption(limitOption('endpoints', 50));
  addOpsOptions(list).action(operating<ListOptions, []>(listEndpoints));
}

function addLimit(endpoints: Command): void {
  const help =
    'limit how many requests a second it gets, or how many at once; the same limits as its owner ' +
    'sets';
  const most = 'requests at once from each worker process, 1 to 8, or off';
  addOne(endpoints, 'limit', help)
    .argument('[per-second]', 'requests a second, such as 3 or 0.5; off: any number', readPerSecond)
    .option('--concurrency <n>', most, readAtOnce)
    .option('--reason <why>', 'why, for the action log')
    .action(operating<LimitOptions, [string, Limit | undefined]>(limit));
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

async function listEndpoints({ api, terminal, options }: Ops<ListOptions>): Promise<void> {
  const { workspace, state, host, limit } = options;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ state, host }))
    if (value !== undefined) query.set(name, value);
  if (workspace !== undefined) query.set('workspace_id', await workspaceId(api, workspace));
  const found = await collect(api.list<EndpointEntry>(`/v1/ops/endpoints?${query}`), limit);
  if (found.length === 0 && host !== undefined) throw await unknownEndpoint(api, host);
  if (options.json) return terminal.out(JSON.stringify(found));
  if (found.length === 0)
    return terminal.out(
      query.size > 0 ? 'There is no such endpoint.' : 'No workspace has made an endpoint yet.',
    );
  terminal.out(tableOf(terminal, found));
}

async function show(ops: Ops, endpoint: string): Promise<void> {
  tell(ops, await ops.api.get<EndpointInFull>(await pathOf(ops, endpoint)), describe);
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

async function disable(ops: Ops<OpsOptions & { reason: string }>, endpoint: string): Promise<void> {
  const { reason } = ops.options;
  const disabled = await act(ops, 'POST', endpoint, 'disable', { reason });
  const hint = `\`knockon endpoints enable ${disabled.id}\` ends that.`;
  tell(ops, disabled, (_, { url }) => `${url} is disabled: nothing is sent to it. ${hint}`);
}

async function enable(ops: Ops, endpoint: string): Promise<void> {
  const enabled = await act(ops, 'POST', endpoint, 'enable');
  tell(ops, enabled, (_, { url }) => `${url} gets what happens from now on.`);
}

async function tryNow(ops: Ops, endpoint: string): Promise<number> {
  const path = `${await pathOf(ops, endpoint)}/try`;
  const { body } = await ops.api.send<Tried & { endpoint: EndpointInFull }>('POST', path);
  ops.terminal.out(ops.options.json ? JSON.stringify(body) : resultOf(body));
  return body.answer?.error ? EXIT.failed : EXIT.done;
}

const pathOf = async ({ api }: Ops, endpoint: string) =>
  `/v1/ops/endpoints/${await endpointId(api, endpoint)}`;

async function act(
  ops: Ops,
  method: 'POST' | 'PUT',
  endpoint: string,
  verb: string,
  body?: object,
): Promise<EndpointInFull> {
  const path = `${await pathOf(ops, endpoint)}/${verb}`;
  return (await ops.api.send<EndpointInFull>(method, path, body && { body })).body;
}

const tell = (
  { terminal, options }: Ops,
  one: EndpointInFull,
  words: (terminal: Terminal, one: EndpointInFull) => string,
): void => terminal.out(options.json ? JSON.stringify(one) : words(terminal, one));

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
