import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { messages } from '../../db/schema/messages.ts';
import { type Message, toMessage } from '../../messages/message.ts';
import { PAGE_BYTES, planPages, split } from '../runtime/pages.ts';
import type { LockedChannel } from './rows.ts';

/** Some of the locked channels, and the last message of each that has one. */
export interface LastMessages {
  channels: LockedChannel[];
  last: Map<string, Message>;
}

/**
 * The live message of each channel that was sent last, a page of their texts at a time. Of several
 * of that moment it is the one with the highest `seq`. So what is imported later, but was sent
 * earlier, is no news.
 *
 * It is a statement of its own, after the one that locked the rows: so it sees what others have
 * committed meanwhile. It starts from the top, so a channel whose end was deleted bit by bit is
 * not searched through all its tombstones each time.
 */
export async function* lastMessages(
  tx: Transaction,
  locked: LockedChannel[],
): AsyncGenerator<LastMessages> {
  const rows = await read(tx, lastIds(locked));
  const { page, beyond } = split(rows);
  const channelOf = new Map(
    rows.flatMap((row) => (row.fits ? [] : [[row.id, row.channel_id] as const])),
  );
  const later = new Set(channelOf.values());
  yield {
    channels: locked.filter(({ channel_id }) => !later.has(channel_id)),
    last: byChannel(page),
  };
  for (const { ids } of planPages(beyond)) {
    const ofPage = new Set(ids.map((id) => channelOf.get(id)));
    yield {
      channels: locked.filter(({ channel_id }) => ofPage.has(channel_id)),
      last: byChannel(await read(tx, sql`${sql.param(ids)}::uuid[]`)),
    };
  }
}

/** An array makes the planner look messages up by their ids, whatever it thinks of their number. */
function lastIds(locked: LockedChannel[]): SQL {
  const channels = sql.param(locked.map(({ channel_id }) => channel_id));
  const moments = sql.param(locked.map(({ top_at }) => top_at));
  const seqs = sql.param(locked.map(({ top_seq }) => top_seq));
  return sql`array(
    select (
      select m.id from knockon.messages m
      where m.channel_id = t.channel_id and (m.sent_at, m.seq) <= (t.top_at::timestamptz, t.top_seq)
        and m.deleted_at is null
      order by m.sent_at desc, m.seq desc limit 1
    ) from unnest(${channels}::uuid[], ${moments}::text[], ${seqs}::bigint[])
      as t (channel_id, top_at, top_seq)
  )`;
}

const bytes = sql<number>`octet_length(${messages.text}) + pg_column_size(${messages.metadata})`;
const fits = sql<boolean>`(sum(${bytes}) over w <= ${PAGE_BYTES} or row_number() over w = 1)`;

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
