import { asc, sql } from 'drizzle-orm';
import type { Database } from '../db/client.ts';
import { attempts, deadLetters, dispatches, outbox, receipts, subscribers } from '../db/schema/outbox.ts';

/** A subscriber, and how far behind it is. */
export interface SubscriberState {
  name: string;
  description: string;
  /** `*` for all. */
  event_types: string[];
  task_queue: string;
  activity: string;
  ordering: 'none' | 'channel' | 'exclusive';
  registered_at: string;
  state: 'active';
  /** Age of the oldest dispatched event that it has neither done nor given up; 0 where there is none. */
  lag_seconds: number;
}

/** All subscribers, by name. */
export async function listSubscribers(database: Database): Promise<SubscriberState[]> {
  const rows = await database.db
    .select()
    .from(subscribers)
    .orderBy(asc(sql`${subscribers.name} collate "C"`));
  const lags = await readLags(database);
  return rows.map(({ name, description, event_types, task_queue, activity, ordering, registered_at }) => ({
    name,
    description,
    event_types,
    task_queue,
    activity,
    ordering,
    registered_at: registered_at.toISOString(),
    state: 'active',
    lag_seconds: lags.get(name) ?? 0,
  }));
}

/** How many of the newest dispatched events are looked at one by one. */
const WINDOW = 20_000;

/**
 * Each subscriber's lag in seconds. Looks at the newest events, so that a long log costs nothing, and at whatever was
 * tried and is open, however old. Older events that were never tried count as old as the window, so the lag of a
 * subscriber that is far behind is a lower bound. An event's id holds its time.
 */
async function readLags({ db }: Database): Promise<Map<string, number>> {
  const rows = await db.execute<{ name: string; lag: number }>(sql`
    with newest as (
      select event_id, dispatch_id from ${outbox} where dispatch_id is not null order by event_id desc limit ${WINDOW}
    ), expected as (
      select event_id, unnest(d.subscribers) as subscriber from newest join ${dispatches} d on d.id = newest.dispatch_id
      union all
      select event_id, subscriber from ${attempts}
    )
    select subscriber as name, greatest(0, extract(epoch from now() - min(uuid_extract_timestamp(event_id))))::float8 as lag
    from expected e
    where not exists (select from ${receipts} r where r.event_id = e.event_id and r.subscriber = e.subscriber)
      and not exists (select from ${deadLetters} l where l.event_id = e.event_id and l.subscriber = e.subscriber)
    group by subscriber`);
  return new Map(rows.map(({ name, lag }) => [name, lag]));
}
