import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';

/**
 * What is scheduled of a message. Looked up by that alone: without statistics a planner takes the
 * index of a type or of what is due, and reads all of it for one message.
 */
const ofMessage = (id: string) => sql`
  own as materialized (
    select id, type, deliver_at, cancelled_at from knockon.scheduled where message_id = ${id}
  )`;

/**
 * When what follows a message's `message.created` is to be dispatched, where that is scheduled;
 * else undefined: now. One that is overdue goes out at any moment, so what follows takes another
 * second.
 */
export async function afterCreated(tx: Transaction, id: string): Promise<Date | undefined> {
  const [row] = await tx.execute<{ at: string }>(sql`
    with ${ofMessage(id)}
    select greatest(deliver_at, clock_timestamp() + interval '1 second') as at
    from own where type = 'message.created' and cancelled_at is null`);
  return row && new Date(row.at);
}

/** Cancels what is scheduled of a message. @returns the types of these events */
export async function cancelEventsOf(tx: Transaction, id: string): Promise<string[]> {
  const rows = await tx.execute<{ type: string }>(sql`
    with ${ofMessage(id)}
    update knockon.scheduled set cancelled_at = clock_timestamp()
    where id = any(array(select id from own where knockon.is_own_type(type)))
      and coalesce(cancelled_at, '-infinity') = '-infinity'
    returning type`);
  return rows.map(({ type }) => type);
}
