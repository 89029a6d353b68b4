import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';

/** One message more or less. */
export interface Count {
  workspace_id: string;
  channel_id: string;
  author: string;
  /** Quarters of an hour since 1970, UTC. */
  quarter: number;
  delta: 1 | -1;
}

type Key = { channel_id: string; quarter: string; author: string };

/** Adds counts to their quarters of an hour, in the order of the primary key to avoid deadlocks. */
export async function addCounts(tx: Transaction, counts: Count[]): Promise<void> {
  if (counts.length === 0) return;
  const column = (pick: (count: Count) => string | number) => sql.param(counts.map(pick));
  const rows = await tx.execute<Key & { messages: number }>(sql`
    insert into knockon.analytics_quarters as a (channel_id, quarter, author, workspace_id, messages)
    select channel_id, to_timestamp(quarter * 900.0), author, workspace_id, sum(delta) from unnest(
      ${column((c) => c.channel_id)}::uuid[], ${column((c) => c.quarter)}::int[],
      ${column((c) => c.author)}::text[], ${column((c) => c.workspace_id)}::uuid[],
      ${column((c) => c.delta)}::int[]
    ) as t (channel_id, quarter, author, workspace_id, delta)
    group by channel_id, quarter, author, workspace_id having sum(delta) <> 0
    order by channel_id, quarter, author
    on conflict (channel_id, quarter, author) do update set messages = a.messages + excluded.messages
    returning channel_id, quarter, author, messages`);
  const empty = rows.filter((row) => row.messages === 0);
  if (empty.length > 0) await deleteQuarters(tx, empty);
}

/** A row at 0 says the same as no row. This transaction has locked these rows already. */
async function deleteQuarters(tx: Transaction, rows: Key[]): Promise<void> {
  const column = (pick: (row: Key) => string) => sql.param(rows.map(pick));
  await tx.execute(sql`
    delete from knockon.analytics_quarters where ctid = any(array(
      select a.ctid from unnest(
        ${column((r) => r.channel_id)}::uuid[], ${column((r) => r.quarter)}::text[],
        ${column((r) => r.author)}::text[]
      ) as t (channel_id, quarter, author) cross join lateral (
        select ctid from knockon.analytics_quarters
        where channel_id = t.channel_id and quarter = t.quarter::timestamptz and author = t.author
        offset 0
      ) a
    ))`);
}
