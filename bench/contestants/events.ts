import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Sql } from 'postgres';
import { postRequest } from '../connection.ts';
import { messages } from '../messages.ts';
import type { Place } from './workspace.ts';

/** Where events come from that are no messages. */
export interface EventSource {
  type: string;
  /** Program of an application that emits in SQL, in place of our API. */
  application?: string;
}

/** Emitted by `POST /v1/events`. */
export const overHttp: EventSource = { type: 'parcel.sent' };

/** Emitted by `knockon.emit`, in an application's own transactions. */
export const bySql: EventSource = {
  type: 'parcel.sent',
  application: fileURLToPath(new URL('../peers/knockon/api.js', import.meta.url)),
};

/** Events of these places in turn, each with its channel as the key. */
export const eventRequests = (url: string, type: string, places: Place[]): Buffer[] =>
  messages(4000).map((payload, i) => {
    const { key, channel } = places[i % places.length]!;
    const body = JSON.stringify({ type, key: `of ${channel}`, payload });
    return postRequest(`${url}/v1/events`, { authorization: `Bearer ${key}` }, body);
  });

/** Messages for the application, whose API asks for no key: `key` is the workspace's id. */
export const applicationRequests = (url: string, places: Place[]): Buffer[] =>
  messages(4000).map((message, i) => {
    const { key: workspace_id, channel } = places[i % places.length]!;
    const body = JSON.stringify({ ...message, workspace_id });
    return postRequest(`${url}/channels/${channel}/messages`, {}, body);
  });

/** As an application has them: workspaces by their ids, and channels that only it knows. */
export async function makeOwnPlaces(
  pg: Sql,
  { workspaces, channels }: { workspaces: number; channels: number },
): Promise<Place[]> {
  const rows = await pg<{ id: string }[]>`
    insert into knockon.workspaces (name) select concat('Bench ', n)
    from generate_series(1, ${workspaces}::int) as n returning id`;
  return Array.from({ length: channels }, (_, i) => ({
    key: rows[i % workspaces]!.id,
    channel: randomUUID(),
  }));
}

/** What the application stores beside its events. */
export const makeOwnTables = async (pg: Sql): Promise<void> =>
  void (await pg`
    create table public.messages (
      id uuid primary key default uuidv7(), workspace_id uuid not null, channel_id uuid not null,
      author text not null, text text not null, created_at timestamptz not null default now()
    )`);
