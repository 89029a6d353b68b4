import type { Sql } from 'postgres';
import type { SubscriberSpec } from '../transport/dispatch.ts';
import { EVENTS_CHANNEL } from './emit.ts';

/** What an effect announces of itself. */
export interface Registration extends SubscriberSpec {
  description: string;
  /** Event types, or `*` for all. */
  event_types: string[];
  ordering: 'none' | 'key' | 'exclusive';
  /** Whether a replay may do again what is done (default `never`). */
  again?: 'freely' | 'asked' | 'never';
}

/**
 * Writes the rows of the effects a worker hosts. Every event that is committed from then on is for
 * them too, unless they are retired.
 *
 * @returns the names of those that are
 */
export async function register(pg: Sql, registrations: Registration[]): Promise<string[]> {
  return await pg.begin(async (tx) => {
    for (const r of registrations) {
      await tx`
        insert into knockon.subscribers (name, description, event_types, task_queue, activity,
          ordering,
          batch, timeout_ms, retry, again)
        values (${r.name}, ${r.description}, ${r.event_types}, ${r.task_queue}, ${r.activity},
          ${r.ordering}, ${r.batch},
          ${r.timeout_ms}, ${pg.json({ ...r.retry })}, ${r.again ?? 'never'})
        on conflict (name) do update set description = excluded.description,
          event_types = excluded.event_types,
          task_queue = excluded.task_queue, activity = excluded.activity,
            ordering = excluded.ordering, batch = excluded.batch,
          timeout_ms = excluded.timeout_ms, retry = excluded.retry,
          again = excluded.again, registered_at = now()`;
    }
    // Events may have waited for the first of them. Not by `tx.notify`, which takes another
    // connection of the pool.
    await tx`select pg_notify(${EVENTS_CHANNEL}, '')`;
    const names = registrations.map(({ name }) => name);
    const retired = await tx<
      { name: string }[]
    >`select name from knockon.subscribers where name = any(${names}) and retired_at is not null
      order by name`;
    return retired.map(({ name }) => name);
  });
}
