import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';

/** One message more or less. */
export interface Count {
  workspace_id: string;
  channel_id: string;
  author: string;
  /** Hours since 1970, UTC. */
  hour: number;
  delta: 1 | -1;
}

type Key = { channel_id: string; hour: string; author: string };

/** Adds counts to their hours, in the order of the primary key to avoid deadlocks. */
export async function addCounts(tx: Transaction, counts: Count[]): Promise<void> {
  if (counts.length === 0) return;
  const column = (pick: (count: Count) => string | number) => sql.param(counts.map(pick));
  const rows = await tx.execute<Key & { messages: number }>(sql`
    insert into knockon.analytics_hours as a (channel_id, hour, author, workspace_id, messages)
    select channel_id, to_timestamp(hour * 3600.0), author, workspace_id, sum(delta) from unnest(
      ${column((c) => c.channel_id)}::uuid[], ${column((c) => c.hour)}::int[],
      ${column((c) => c.author)}::text[], ${column((c) => c.workspace_id)}::uuid[],
      ${column((c) => c.delta)}::int[]
    ) as t (channel_id, hour, author, workspace_id, delta)
    group by channel_id, hour, author, workspace_id having sum(delta) <> 0
    order by channel_id, hour, author
    on conflict (channel_id, hour, author) do update set messages = a.messages + excluded.messages
    returning channel_id, hour, author, messages`);
  const empty = rows.filter((row) => row.messages === 0);
  if (empty.length > 0) await deleteHours(tx, empty);
}

/** A row at 0 says the same as no row. This transaction has locked these rows already. */
async function deleteHours(tx: Transaction, rows: Key[]): Promise<void> {
  const column = (pick: (row: Key) => string) => sql.param(rows.map(pick));
  await tx.execute(sql`
    delete from knockon.analytics_hours where ctid = any(array(
      select a.ctid from unnest(
        ${column((r) => r.channel_id)}::uuid[], ${column((r) => r.hour)}::text[],
        ${column((r) => r.author)}::text[]
      ) as t (channel_id, hour, author) cross join lateral (
        select ctid from knockon.analytics_hours
        where channel_id = t.channel_id and hour = t.hour::timestamptz and author = t.author
        offset 0
      ) a
    ))`);
}
