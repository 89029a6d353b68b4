import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';

/** Makes a projection anew beside the one that is read, and takes its place at the end. */
export interface Rebuild {
  /** How much is to be read. Called first; prepares what is filled. */
  count(): Promise<number>;
  /**
   * Fills some of it. `after` is null at first and then what the last call returned; null again
   * where there is no more.
   */
  fill(after: string | null, limit: number): Promise<{ after: string | null; read: number }>;
  /**
   * Catches up and takes the place of what was read until then, in one transaction. Where that has
   * happened already: nothing.
   */
  swap(): Promise<void>;
}

/** All messages there are, the deleted ones too: what a rebuild has to read. */
export async function countMessages(db: Database['db']): Promise<number> {
  const [row] = await db.execute<{ n: string }>(sql`select count(*) as n from knockon.messages`);
  return Number(row?.n ?? 0);
}

/**
 * Messages that count, as far as this subscriber knows: `messages` is 1 for each that was not
 * deleted, put right by what it has not done yet of the log, so that doing it later comes out even.
 * Rows: channel_id, workspace_id, author, sent_at, messages.
 */
export const countedMessages = (subscriber: string): SQL => sql`
  select channel_id, workspace_id, author, sent_at, 1 as messages from knockon.messages
    where deleted_at is null
  union all
  select e.channel_id, e.workspace_id, e.payload ->> 'author',
    (e.payload ->> 'sent_at')::timestamptz,
    case e.type when 'message.created' then -1 else 1 end
  from knockon.events e
  where e.type in ('message.created', 'message.deleted') and e.channel_id is not null
    and (select true from knockon.receipts r
      where r.event_id = e.id and r.subscriber = ${subscriber}
      limit 1) is null
    -- Without an outbox row it was done by all who were there then, and its receipts have expired.
    and ((select true from knockon.outbox o where o.event_id = e.id) is not null
      or e.timestamp < (select created_at from knockon.subscribers where name = ${subscriber}))
  union all
  select s.channel_id, s.workspace_id, s.payload ->> 'author',
    (s.payload ->> 'sent_at')::timestamptz, -1
  from knockon.scheduled s
  where s.type = 'message.created' and s.cancelled_at is null`;
