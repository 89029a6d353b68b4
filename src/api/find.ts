import { and, eq, isNull, type SQL } from 'drizzle-orm';
import { closest, distance } from 'fastest-levenshtein';
import type { Sql } from 'postgres';
import type { Database } from '../db/client.ts';
import { channels, messages } from '../db/schema/messages.ts';
import { endpoints } from '../db/schema/webhooks.ts';
import { invalid, notFound, Problem } from './problem.ts';

/** A row's owner and id; nobody sees what is another workspace's. */
export interface Which {
  workspaceId: string;
  id: string;
}

/** What the caller's workspace and the path's id name. */
export const whichOf = (c: {
  get(key: 'workspaceId'): string;
  req: { valid(target: 'param'): { id: string } };
}): Which => ({ workspaceId: c.get('workspaceId'), id: c.req.valid('param').id });

/** A key belongs to a workspace. @throws Problem 422 where a filter names one without */
export function refuseLoneKey(filter: {
  key?: string | undefined;
  workspace_id?: string | undefined;
}): void {
  if (filter.key !== undefined && filter.workspace_id === undefined)
    throw invalid([{ path: 'key', message: 'needs workspace_id too: each workspace has its own' }]);
}

/** @throws Problem 404 */
export async function findChannel({ db }: Database, { workspaceId, id }: Which) {
  const [row] = await db
    .select()
    .from(channels)
    .where(and(eq(channels.id, id), eq(channels.workspace_id, workspaceId)));
  if (!row) throw notFound('channel');
  return row;
}

/** A message that is not deleted. @throws Problem 404 */
export async function findMessage({ db }: Database, { workspaceId, id }: Which) {
  const [row] = await db
    .select()
    .from(messages)
    .where(
      and(eq(messages.id, id), eq(messages.workspace_id, workspaceId), isNull(messages.deleted_at)),
    );
  if (!row) throw notFound('message');
  return row;
}

export const isEndpoint = ({ workspaceId, id }: Which): SQL | undefined =>
  and(eq(endpoints.id, id), eq(endpoints.workspace_id, workspaceId));

/** @throws Problem 404 */
export async function findEndpoint({ db }: Database, which: Which) {
  const [row] = await db.select().from(endpoints).where(isEndpoint(which));
  if (!row) throw notFound('endpoint');
  return row;
}

/** Goes on with the nearest name where it is near, and ends the sentence. */
export function didYouMean(wanted: string, names: string[]): string {
  const near = closest(wanted, names);
  const most = Math.max(2, Math.floor(wanted.length / 3));
  return distance(wanted, near) <= most ? `; did you mean ${near}?` : '.';
}

/** What operations need to know of a subscriber. */
export interface KnownSubscriber {
  name: string;
  again: 'freely' | 'asked' | 'never';
  ordering: 'none' | 'key' | 'exclusive';
  /** Most events a call. */
  batch: number;
}

/** @returns undefined where nobody of that name has registered, or it is retired */
export async function findSubscriber(pg: Sql, name: string): Promise<KnownSubscriber | undefined> {
  const [row] = await pg<
    KnownSubscriber[]
  >`select name, again, ordering, batch from knockon.subscribers where name = ${name}
    and retired_at is null`;
  return row;
}

/**
 * What to answer where there is no subscriber of that name: 404, with the nearest name and those
 * that there are.
 */
export async function noSuchSubscriber({ pg }: Database, wanted: string): Promise<Problem> {
  const rows = await pg<
    { name: string }[]
  >`select name from knockon.subscribers order by name limit 500`;
  const names = rows.map((row) => row.name);
  if (names.length === 0)
    return new Problem(404, 'There is no such subscriber: no worker has registered one yet.');
  return new Problem(
    404,
    `There is no such subscriber${didYouMean(wanted, names)} Known are ${names.join(', ')}.`,
  );
}
