import type { Database } from '../../../src/db/client.ts';
import type { History } from './long-history.ts';

/** What lies beside the log in a long history. */
export interface NeighbouringIds {
  endpointId: string;
  jobId: string;
}

/**
 * Fills every table that grows beside `aHistory`, with a row for each message or each second one.
 */
export async function fillNeighbouringTables(
  { pg }: Database,
  { workspaceId }: History,
): Promise<NeighbouringIds> {
  await pg`insert into knockon.endpoints (id, workspace_id, url, event_types, secret, failures) select id, id, 'https://example.com/', '{*}', '', 1 from knockon.workspaces`;
  await pg`insert into knockon.deliveries (id, workspace_id, endpoint_id, event_id, event_type, state)
    select id, workspace_id, workspace_id, id, type, case when seq % 2 = 0 then 'delivered' else 'pending' end from knockon.events`;
  await pg`insert into knockon.delivery_attempts (id, delivery_id, status, latency_ms) select id, id, 500, 1 from knockon.events`;
  await pg`insert into knockon.dead_letters (event_id, subscriber, dispatch_id, cause, reason)
    select event_id, 'webhooks', dispatch_id, 'HTTP 500', 'no' from knockon.outbox join knockon.events on id = event_id where seq % 2 = 0`;
  await pg`insert into knockon.attempts (event_id, subscriber, attempts, last_error) select id, 'webhooks', 1, 'no' from knockon.events where seq % 2 = 0`;
  await pg`insert into knockon.notifications (workspace_id, channel_id, message_id, event_id, recipient, kind)
    select workspace_id, channel_id, id, id, author, 'mention' from knockon.messages`;
  await pg`insert into knockon.members (workspace_id, handle, email) select w.id, 'author ' || n, 'a@example.com' from knockon.workspaces w, generate_series(0, 200) n`;
  await pg`insert into knockon.search_documents (message_id, workspace_id, channel_id, author, sent_at, version, document)
    select id, workspace_id, channel_id, author, sent_at, 1, to_tsvector('english', text) from knockon.messages`;
  await pg`insert into knockon.analytics_quarters (channel_id, quarter, author, workspace_id, messages)
    select channel_id, date_bin('15 minutes', sent_at, 'epoch'), author, workspace_id, count(*) from knockon.messages group by 1, 2, 3, 4`;
  await pg`insert into knockon.channel_authors (channel_id, author, messages) select channel_id, author, count(*) from knockon.messages group by 1, 2`;
  await pg`insert into knockon.channel_summaries (channel_id, workspace_id, messages) select channel_id, workspace_id, count(*) from knockon.messages group by 1, 2`;
  await pg`insert into knockon.cursors (subscriber, sequence_id, seq) select 'webhooks', id, 0 from knockon.channels`;
  const [job] = await pg<
    { id: string }[]
  >`insert into knockon.operations (verb, input, by) values ('replay', '{}', 'test') returning id`;
  await pg`create table again as select id, (row_number() over (order by id) - 1) / 100 as nth from knockon.events where seq % 2 = 0`;
  await pg`with made as (select nth, knockon.uuidv7() as id, count(*) as n from again group by nth), opened as (
      insert into knockon.dispatches (id, type, size, subscribers, again, started_at, settled_at) select id, 'message.created', n, '{search}', true, now(), now() from made
    ), named as (insert into knockon.operation_dispatches (dispatch_id, operation_id) select id, ${job!.id} from made)
    insert into knockon.dispatch_events (dispatch_id, event_id, type) select made.id, again.id, 'message.created' from made join again using (nth)`;
  return { endpointId: workspaceId, jobId: job!.id };
}

export type Statistics = 'absent' | 'of empty tables' | 'of a few rows';

/**
 * Has the planner know of all tables what it knows of tables that were never analysed, or long ago.
 * Autovacuum won't help.
 */
export async function forget({ pg }: Database, statistics: Statistics): Promise<void> {
  const [rows, pages] = { absent: [-1, 0], 'of empty tables': [0, 0], 'of a few rows': [3, 1] }[
    statistics
  ] as [number, number];
  await pg`delete from pg_statistic where starelid in (select oid from pg_class where relnamespace = 'knockon'::regnamespace)`;
  await pg`update pg_class set reltuples = ${rows}, relpages = ${pages}, relallvisible = 0
    where relnamespace = 'knockon'::regnamespace and relkind in ('r', 'i')`;
}

/** Autovacuum would gather statistics in the middle of a test. */
export async function withoutAutovacuum({ pg }: Database): Promise<void> {
  const tables = await pg<
    { name: string }[]
  >`select relname as name from pg_class where relnamespace = 'knockon'::regnamespace and relkind = 'r'`;
  for (const { name } of tables)
    await pg`alter table knockon.${pg(name)} set (autovacuum_enabled = off)`;
}
