import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { messages } from '../../db/schema/messages.ts';
import { type Message, toMessage } from '../../messages/message.ts';
import { PAGE, planPages, split } from '../runtime/pages.ts';
import type { Held } from './rows.ts';

/** Some of the held channels, and the last message of each that has one. */
export interface LastMessages {
  held: Held[];
  last: Map<string, Message>;
}

/**
 * The live message with the highest `seq` of each channel, a page of their texts at a time.
 *
 * A statement of its own, after the one that waited for the rows: it sees what others committed
 * meanwhile. Starting from `top_seq`, a channel whose end was deleted bit by bit is not searched
 * through all its tombstones each time.
 */
export async function* lastMessages(tx: Transaction, held: Held[]): AsyncGenerator<LastMessages> {
  // An array, so that messages are looked up by their ids whatever the planner thinks of their
  // number.
  const rows = await read(
    tx,
    sql`array(
      select (select m.id from messages m where m.channel_id = t.channel_id and m.seq <= t.top_seq and m.deleted_at is null
        order by m.seq desc limit 1)
      from unnest(${sql.param(held.map((h) => h.channel_id))}::uuid[], ${sql.param(held.map((h) => h.top_seq))}::bigint[]) as t (channel_id, top_seq)
    )`,
  );
  const { page, beyond } = split(rows);
  const channelOf = new Map(
    rows.flatMap((row) => (row.fits ? [] : [[row.id, row.channel_id] as const])),
  );
  const others = new Set(channelOf.values());
  yield { held: held.filter((h) => !others.has(h.channel_id)), last: byChannel(page) };
  for (const { ids } of planPages(beyond)) {
    const channels = new Set(ids.map((id) => channelOf.get(id)));
    const some = held.filter((h) => channels.has(h.channel_id));
    yield { held: some, last: byChannel(await read(tx, sql`${sql.param(ids)}::uuid[]`)) };
  }
}

const bytes = sql<number>`octet_length(${messages.text}) + pg_column_size(${messages.metadata})`;
const fits = sql<boolean>`(sum(${bytes}) over w <= ${PAGE} or row_number() over w = 1)`;

async function read(tx: Transaction, ids: SQL) {
  const order = sql`window w as (order by ${messages.id}) order by ${messages.id}`;
  return await tx
    .select({
      ...getTableColumns(messages),
      text: sql<string>`case when ${fits} then ${messages.text} end`,
      bytes,
      fits,
    })
    .from(messages)
    .where(sql`${messages.id} = any(${ids}) ${order}`);
}

const byChannel = (rows: Awaited<ReturnType<typeof read>>) =>
  new Map(rows.map((row) => [row.channel_id, toMessage(row)]));
