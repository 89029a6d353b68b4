import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import type { DeadLetters } from '../../transport/dispatch.ts';
import { assureKnown } from './known-dispatch.ts';
import { chosen, isDone, storable } from './receipts.ts';

/** Whether it is another subscriber of the dispatch that is retired, and not this one. */
const isSibling = (dispatchId: string, subscriber: string) => sql`(
  exists (select from knockon.subscribers where retired_at is not null
    and name = any((select subscribers from knockon.dispatches where id = ${dispatchId})::text[]))
  and exists (select from knockon.subscribers where name = ${subscriber} and retired_at is null))`;

/** Whether an event `c` is the dispatch's. */
const isOf = (dispatchId: string) => sql`(
  exists (select from knockon.outbox o
    where o.event_id = c.event_id and o.dispatch_id = ${dispatchId})
  or exists (select from knockon.dispatch_events d
    where d.event_id = c.event_id and d.dispatch_id = ${dispatchId}))`;

type Queryable = Database['db'] | Transaction;

/**
 * Writes a dead letter for each of these events that is the dispatch's and has no receipt. Called
 * again it changes nothing but the reason. Where the last try gave a longer reason that begins so,
 * that is kept: the rest of it has not travelled. Where a workflow was cancelled of which a
 * subscriber is retired, that one was meant: what the others have open is missing then, and healing
 * starts it again.
 *
 * @throws CallFailure `UnknownDispatchError` where the dispatch is not in this database
 */
export async function recordDeadLetters(
  db: Queryable,
  { dispatch_id, origin, subscriber, letters }: DeadLetters,
): Promise<void> {
  let written = 0;
  for (const { events, target, ...why } of letters) {
    const cause = storable(why.cause);
    const reason = storable(why.reason);
    const rows = await db.execute(sql`
      insert into knockon.dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
      select c.event_id, ${subscriber}, ${target ?? ''}, ${dispatch_id},
        ${cause.slice(0, 200)}, coalesce((
        select a.last_error from knockon.attempts a where a.event_id = c.event_id
          and a.subscriber = ${subscriber} and a.target = ${target ?? ''}
          and starts_with(a.last_error, ${reason})
      ), ${reason.slice(0, 2000)})
      from (${chosen({ dispatch_id, events })}) c
      where not ${isDone({ dispatch_id, subscriber })}
        ${'ids' in events ? sql`and ${isOf(dispatch_id)}` : sql``}
        ${cause === 'cancelled' ? sql`and not ${isSibling(dispatch_id, subscriber)}` : sql``}
      order by c.event_id
      on conflict (event_id, subscriber, target) do update
        set dispatch_id = excluded.dispatch_id, cause = excluded.cause, reason = excluded.reason,
          created_at = now(),
          retried_by = null
      returning event_id`);
    written += rows.length;
  }
  if (written === 0) await assureKnown(db, { dispatch_id, origin });
}
