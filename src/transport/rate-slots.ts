import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';

/**
 * What follows a rest comes so much later, in seconds: the call before it may begin a little late,
 * and a second must not see one too many.
 */
const AFTER_REST = 0.1;

/**
 * Gives a call of a queue its turn: `perSecond` of them a second, evenly apart, of all workers
 * together. No second has more, the first after a rest included.
 *
 * @returns how far away it is, in ms
 */
export async function takeRateSlot(pg: Sql, queue: string, perSecond: number): Promise<number> {
  const gap = 1 / perSecond;
  const afterRest = pg`now() + make_interval(secs => ${gap + AFTER_REST})`;
  const [row] = await pg<{ in_ms: number }[]>`
    insert into knockon.queue_turns as t (task_queue, reserved_until)
      values (${queue}, ${afterRest})
    on conflict (task_queue) do update
      set reserved_until = case when t.reserved_until <= now() then ${afterRest}
        else t.reserved_until + make_interval(secs => ${gap}) end
    returning case when reserved_until = ${afterRest} then 0
      else (extract(epoch from reserved_until - now())::float8 - ${gap}) * 1000 end as in_ms`;
  return Math.max(0, row?.in_ms ?? 0);
}

/**
 * Has each call of a queue wait for its turn, which holds one of its own worker's slots for this
 * queue, and nothing else.
 */
export function rateSlotsOf(
  pg: Sql,
  queue: string,
  perSecond: number,
): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const ms = await takeRateSlot(pg, queue, perSecond);
    if (ms > 0) await wait(ms, undefined, { signal }).catch(() => {});
  };
}
