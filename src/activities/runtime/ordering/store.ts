import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import { FencedOffError } from '../locks/lock.ts';
import type { BlockingEvent } from './plan-turn.ts';

/**
 * Writes the receipts of a turn and moves its channels' cursors, in one statement.
 *
 * @throws FencedOffError where `once` and somebody else has written one of these receipts meanwhile
 */
export async function commitTurn(
  tx: Transaction,
  subscriber: string,
  { done, cursors, once }: { done: string[]; cursors: Map<string, number>; once: boolean },
): Promise<void> {
  if (done.length === 0 && cursors.size === 0) return;
  const [row] = await tx.execute<{ written: number }>(sql`
    with done as (select unnest(${sql.param(done)}::uuid[]) as event_id), written as (
      insert into receipts (event_id, subscriber) select event_id, ${subscriber} from done
        order by event_id
      on conflict do nothing returning event_id
    ), answered as (
      delete from dead_letters d using done where d.event_id = done.event_id
        and d.subscriber = ${subscriber}
    ), moved as (
      insert into cursors as c (subscriber, channel_id, seq)
      select ${subscriber}, channel_id, seq
      from unnest(${sql.param([...cursors.keys()])}::uuid[],
        ${sql.param([...cursors.values()])}::bigint[]) as t (channel_id, seq) order by channel_id
      on conflict (subscriber, channel_id) do update set seq = excluded.seq
        where c.seq < excluded.seq
    )
    select count(*)::int as written from written`);
  if (once && row?.written !== done.length)
    throw new FencedOffError(
      'another worker has done some of these events meanwhile: nothing was written',
    );
}

/** Events that wait until another is done, and in how many ms they are to be called again. */
export interface Waits {
  ids: string[];
  head: BlockingEvent;
  inMs: number;
}

/** Notes against events which one they wait for; that is no attempt. */
export async function recordWaits(
  tx: Transaction,
  subscriber: string,
  { ids, head, inMs }: Waits,
): Promise<void> {
  const reason =
    `waits for ${head.type} ${head.id}, before it in its channel, which ${head.why}`.slice(0, 2000);
  await tx.execute(sql`
    insert into attempts as a (event_id, subscriber, target, attempts, last_error,
      waiting_until, waits_for)
    select event_id, ${subscriber}, '', 0, ${reason}, now() + make_interval(secs => ${inMs / 1000}),
      ${head.id}::uuid
    from unnest(${sql.param(ids)}::uuid[]) as t (event_id) order by event_id
    on conflict (event_id, subscriber, target) do update set last_error = excluded.last_error,
      waiting_until = excluded.waiting_until,
      waits_for = case when a.waits_for is not null then excluded.waits_for end,
        updated_at = now()`);
}

/**
 * Notes that an event is about to be tried: if its worker dies of it, everybody else leaves it
 * alone.
 */
export async function recordBegun(
  db: Database['db'],
  subscriber: string,
  eventId: string,
): Promise<void> {
  const reason = 'its worker died or ran out of time while it was at it';
  await db.execute(sql`
    insert into attempts (event_id, subscriber, target, attempts, last_error)
      values (${eventId}, ${subscriber}, '', 0, ${reason})
    on conflict (event_id, subscriber, target) do update set last_error = excluded.last_error,
      waiting_until = null, waits_for = null, updated_at = now()`);
}
