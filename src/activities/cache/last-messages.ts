import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { messages } from '../../db/schema/messages.ts';
import { type Message, toMessage } from '../../messages/message.ts';
import type { Held } from './rows.ts';

/**
 * The live message with the highest `seq` of each channel, by channel.
 *
 * A statement of its own, after the one that waited for the rows: it sees what others committed meanwhile. Starting from
 * `top_seq`, a channel whose end was deleted bit by bit is not searched through all its tombstones each time.
 */
export async function lastMessages(tx: Transaction, held: Held[]): Promise<Map<string, Message>> {
  const rows = await tx
    .select()
    .from(messages)
    .where(
      // An array, so that messages are looked up by their ids whatever the planner thinks of their number.
      sql`${messages.id} = any(array(
        select (select m.id from messages m where m.channel_id = t.channel_id and m.seq <= t.top_seq and m.deleted_at is null
          order by m.seq desc limit 1)
        from unnest(${sql.param(held.map((h) => h.channel_id))}::uuid[], ${sql.param(held.map((h) => h.top_seq))}::bigint[]) as t (channel_id, top_seq)
      ))`,
    );
  return new Map(rows.map((row) => [row.channel_id, toMessage(row)]));
}
