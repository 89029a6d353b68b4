import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { audit } from '../../../src/activities/audit/index.ts';
import type { createApp } from '../../../src/api/app.ts';
import type { Database } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { documentOf } from '../../../src/text/search/postgres.ts';
import { deliver } from '../effects/conversation.ts';

interface Where {
  workspaceId: string;
  channelId: string;
}

const WORDS = 160;
const wordAt = (i: number) => `w${i.toString(36).padStart(2, '0')}`;

/** A search for as many words as one may have, each of them in every long message. */
export const everyWord = (between: ' ' | ' or '): string =>
  Array.from({ length: 64 }, (_, i) => wordAt(i % WORDS)).join(between);

/** So many messages of 40,000 characters, of 160 different words, indexed for the search. */
export async function aLongHistory(
  { pg }: Database,
  { workspaceId, channelId }: Where,
  messages: number,
): Promise<void> {
  const text = Array.from({ length: 10_000 }, (_, i) => wordAt(((i + 1) * 7) % WORDS)).join(' ');
  await pg`
    with indexed as materialized (
      select ${text}::text as text, ${documentOf({ text, author: 'mallory' })}::tsvector as document
    ), stored as (
      insert into knockon.messages (id, workspace_id, channel_id, seq, author, text, sent_at, created_at, updated_at)
      select knockon.uuidv7(), ${workspaceId}, ${channelId}, 100000 + n, 'mallory', text, now(), now(), now()
      from indexed, generate_series(1, ${messages}::int) n returning id
    )
    insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
    select id, ${workspaceId}, ${channelId}, 'mallory', now(), 1, document from stored, indexed`;
}

/** So many events of no channel, each with its entry in the workspace's hash chain. */
export async function aLongChain(
  database: Database,
  key: Buffer,
  workspaceId: string,
  entries: number,
): Promise<void> {
  const { pg } = database;
  await pg`
    insert into knockon.events (id, type, version, workspace_id, timestamp, payload)
    select uuidv7(n * interval '1 ms' - interval '1 day'), 'note.added', 1, ${workspaceId}, date_trunc('milliseconds', now()), jsonb_build_object('text', repeat('note ' || n || ' ', 20))
    from generate_series(1, ${entries}::int) n`;
  const effect = audit({ key });
  const all = await pg<DomainEvent[]>`
    select id, type, version, workspace_id, channel_id, message_id, seq::float8 as seq,
      to_char(timestamp at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as timestamp, payload
    from knockon.events e where workspace_id = ${workspaceId}
      and not exists (select from knockon.audit_entries a where a.workspace_id = e.workspace_id and a.event_id = e.id) order by id`;
  for (let i = 0; i < all.length; i += 2000) {
    const some = all.slice(i, i + 2000);
    await deliver(database, effect, some);
    await pg`insert into knockon.receipts (event_id, subscriber) select unnest(${some.map(({ id }) => id)}::uuid[]), 'audit' on conflict do nothing`;
  }
}

/** Serves an app over HTTP, as `knockon api` does. */
export async function served(
  app: ReturnType<typeof createApp>,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createAdaptorServer({ fetch: app.fetch, createServer }) as Server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
