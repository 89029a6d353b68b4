import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';

/**
 * When what follows a message's `message.created` is to be dispatched, where that is scheduled; else
 * undefined: now. One that is overdue goes out at any moment, so what follows takes another second.
 */
export async function afterCreated(tx: Transaction, id: string): Promise<Date | undefined> {
  const [row] = await tx.execute<{ at: string }>(sql`
    select greatest(deliver_at, clock_timestamp() + interval '1 second') as at
    from knockon.scheduled
    where message_id = ${id} and type = 'message.created' and cancelled_at is null`);
  return row && new Date(row.at);
}

/** Cancels what is scheduled of a message. @returns the types of these events */
export async function cancelEventsOf(tx: Transaction, id: string): Promise<string[]> {
  const rows = await tx.execute<{ type: string }>(sql`
    update knockon.scheduled set cancelled_at = clock_timestamp()
    where message_id = ${id} and knockon.is_own_type(type) and cancelled_at is null
    returning type`);
  return rows.map(({ type }) => type);
}
