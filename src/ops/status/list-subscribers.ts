import { asc, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { subscribers } from '../../db/schema/outbox.ts';
import type { SubscriberHost } from '../../outbox/subscribers.ts';
import { readControls, type SubscriberCondition, stateOf } from '../controls/controls.ts';
import { readBacklogs } from './backlogs.ts';

/** A subscriber, and how far behind it is with a workspace's events. */
export interface SubscriberState {
  name: string;
  description: string;
  /** `*` for all. */
  event_types: string[];
  task_queue: string;
  activity: string;
  /** Whose code does it. */
  host: SubscriberHost;
  ordering: 'none' | 'key' | 'exclusive';
  registered_at: string;
  state: SubscriberCondition;
  /**
   * Events that are for it and that it has neither done nor given up; without those that wait for
   * their own time.
   */
  backlog: number;
  /** Age of the oldest of them; 0 where there is none. */
  backlog_age_seconds: number;
  /**
   * Age of the oldest dispatched event that it has neither done nor given up; 0 where there is
   * none.
   */
  lag_seconds: number;
}

/** All subscribers, by name. */
export async function listSubscribers(
  database: Database,
  workspaceId: string,
): Promise<SubscriberState[]> {
  const rows = await database.db
    .select()
    .from(subscribers)
    .orderBy(asc(sql`${subscribers.name} collate "C"`));
  const names = rows.map(({ name }) => name);
  const [backlogs, lags, states] = await Promise.all([
    readBacklogs(database.pg, names, workspaceId),
    readLags(database, workspaceId),
    readStates(database),
  ]);
  return rows.map(
    ({
      name,
      description,
      event_types,
      task_queue,
      activity,
      host,
      ordering,
      registered_at,
      retired_at,
    }) => ({
      name,
      description,
      event_types,
      task_queue,
      activity,
      host,
      ordering,
      registered_at: registered_at.toISOString(),
      state: retired_at ? 'retired' : (states.get(name) ?? 'active'),
      backlog: backlogs.get(name)?.backlog ?? 0,
      backlog_age_seconds: Math.max(0, backlogs.get(name)?.age ?? 0),
      lag_seconds: lags.get(name) ?? 0,
    }),
  );
}

/** Of those that have a control. */
async function readStates({ pg }: Database): Promise<Map<string, SubscriberState['state']>> {
  return new Map((await readControls(pg)).map((control) => [control.subscriber, stateOf(control)]));
}

/**
 * Each subscriber's lag in seconds. Looks at what the ledger has not found settled, so that a long
 * log costs nothing, and in it for the first open event of each dispatch. An event's id holds its
 * time. Subqueries, so that each event is looked up by the index.
 */
async function readLags({ db }: Database, workspaceId: string): Promise<Map<string, number>> {
  const rows = await db.execute<{ name: string; lag: number }>(sql`
    select s.name, greatest(0, extract(epoch
      from now() - min(coalesce(oldest.deliver_at, knockon.uuid_time(oldest.event_id)))
    ))::float8 as lag
    from knockon.dispatches d cross join unnest(coalesce(d.open, d.subscribers)) as s (name)
      cross join lateral (
      select event_id, deliver_at from (select event_id, deliver_at from knockon.dispatched
        where dispatch_id = d.id offset 0) o
      where (select workspace_id from knockon.events where id = o.event_id) = ${workspaceId}
        and (select true from knockon.receipts where event_id = o.event_id and subscriber = s.name
          limit 1) is null
        and (select true from (select subscriber from knockon.dead_letters
          where event_id = o.event_id offset 0) l where l.subscriber = s.name limit 1) is null
      order by event_id limit 1
    ) oldest where d.settled_at is null group by s.name`);
  return new Map(rows.map(({ name, lag }) => [name, lag]));
}
