import { closest } from 'fastest-levenshtein';
import type { EndpointEntry } from '../../ops/inspect/endpoints.ts';
import { isId } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { type Api, collect } from './client.ts';

/** How many endpoints are looked through for a name. */
const MOST = 1000;

/**
 * The id of the endpoint that somebody has named. @throws CommandError where there is none, with
 * the nearest, or several
 */
export async function endpointId(api: Api, named: string): Promise<string> {
  if (isId(named)) return named;
  const host =
    URL.canParse(named) && named.includes('//')
      ? new URL(named).host
      : named.replace(/^[^/]*\/\//, '').split('/')[0]!;
  if (host === '')
    throw new CommandError('Which endpoint? Give its id, its URL or its host.', EXIT.usage);
  const list = api.list<EndpointEntry>(`/v1/ops/endpoints?${new URLSearchParams({ host })}`);
  const found = await collect(list, MOST);
  const exact = found.filter(({ url }) => url === named);
  const [one, ...others] = exact.length > 0 ? exact : found;
  if (!one) throw await unknownEndpoint(api, host);
  if (others.length === 0) return one.id;
  const some = [one, ...others]
    .slice(0, 10)
    .map(({ id, url, workspace_name }) => `\n  ${id}  ${url}  ${workspace_name}`);
  throw new CommandError(`Several endpoints are named so; give an id:${some.join('')}`, EXIT.usage);
}

/** What to say where there is no endpoint at that host: with the nearest. */
export async function unknownEndpoint(api: Api, host: string): Promise<CommandError> {
  const hosts = new Set<string>();
  for await (const { url } of api.list<EndpointEntry>('/v1/ops/endpoints'))
    if (hosts.add(URL.canParse(url) ? new URL(url).host : url).size >= MOST) break;
  const near =
    hosts.size > 0
      ? `; did you mean ${closest(host, [...hosts])}?`
      : ': no workspace has made an endpoint yet.';
  return new CommandError(`There is no endpoint at ${host}${near}`);
}
