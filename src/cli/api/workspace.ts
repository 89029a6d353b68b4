import { closest } from 'fastest-levenshtein';
import { isId } from '../terminal/arguments.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import type { Api } from './client.ts';

interface Workspace {
  id: string;
  name: string;
}

/** How many of the newest are looked through for a near name. */
const NEWEST = 1000;

/**
 * The id of the workspace that somebody has named, by its id or its name.
 *
 * @throws CommandError where there is none of that name, with the nearest, or several
 */
export async function workspaceId(api: Api, nameOrId: string): Promise<string> {
  if (isId(nameOrId)) return nameOrId;
  const { data } = await api.get<{ data: Workspace[] }>(
    `/v1/ops/workspaces?limit=5&${new URLSearchParams({ name: nameOrId })}`,
  );
  const [one, ...more] = data;
  if (!one) throw await unknown(api, nameOrId);
  if (more.length > 0) {
    const ids = data.map(({ id }) => id).join(', ');
    throw new CommandError(
      `Several workspaces are named ${JSON.stringify(nameOrId)}: give an id, such as one of ` +
        `${ids}.`,
      EXIT.usage,
    );
  }
  return one.id;
}

async function unknown(api: Api, wanted: string): Promise<CommandError> {
  const names: string[] = [];
  for await (const { name } of api.list<Workspace>('/v1/ops/workspaces'))
    if (names.push(name) >= NEWEST) break;
  const near =
    names.length > 0
      ? `; did you mean ${JSON.stringify(closest(wanted, names))}?`
      : ': there is none at all.';
  return new CommandError(`There is no workspace ${JSON.stringify(wanted)}${near}`);
}
