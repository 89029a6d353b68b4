import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';

/**
 * Has each call of a queue wait for its turn, `perSecond` of them a second, of all workers together. A call that waits holds one of its
 * own worker's slots for this queue, and nothing else.
 *
 * @returns how to wait; cut short by the signal
 */
export function turnsOf(sql: Sql, queue: string, perSecond: number): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const [row] = await sql<{ in_ms: number }[]>`
      insert into queue_turns as t (task_queue, reserved_until) values (${queue}, now() + make_interval(secs => ${1 / perSecond}))
      on conflict (task_queue) do update set reserved_until = greatest(t.reserved_until, now()) + make_interval(secs => ${1 / perSecond})
      returning extract(epoch from reserved_until - now())::float8 * 1000 - ${1000 / perSecond} as in_ms`;
    const ms = row?.in_ms ?? 0;
    if (ms > 0) await wait(ms, undefined, { signal }).catch(() => {});
  };
}
