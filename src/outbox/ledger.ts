import type { Sql } from 'postgres';

/** The ledger of one subscriber, in events: `expected − done − dead − in_flight − missing = 0`. */
export interface Account {
  name: string;
  expected: number;
  done: number;
  dead: number;
  /** Open, and a dispatch is running for it. */
  in_flight: number;
  /** Open, and no dispatch is running for it. */
  missing: number;
  /** Age of the oldest event that is open, since its dispatch was claimed. */
  oldest_seconds: number | null;
}

/**
 * The events of dispatch `d`. The fence keeps the planner from reading the outbox from end to end
 * where it expects many.
 */
const eventsOf = (pg: Sql) =>
  pg`select event_id, type, deliver_at from knockon.dispatched where dispatch_id = d.id offset 0`;

/**
 * Each event that a dispatch has open, once for each subscriber it is open for, with what became of
 * it. Reads no history.
 */
const openEffectRows = (pg: Sql, lost: string[]) => pg`
  select s.name, d.claimed_at, o.event_id, d.id as dispatch_id, o.type,
    r.event_id is not null as done,
    r.event_id is null and l.event_id is not null as dead, d.id = any(${lost}::uuid[]) as lost
  from knockon.dispatches d
  cross join unnest(coalesce(d.open, d.subscribers)) as s (name)
  cross join lateral (${eventsOf(pg)}) o
  left join lateral (select event_id from knockon.receipts where event_id = o.event_id
    and subscriber = s.name limit 1) r on true
  left join lateral (
    select event_id from (select event_id, subscriber from knockon.dead_letters
      where event_id = o.event_id offset 0) l where subscriber = s.name limit 1
  ) l on true
  where d.settled_at is null`;

/**
 * The ledger of every subscriber. Costs what is open, not what has ever happened: settled
 * dispatches are in the totals.
 *
 * @param lost dispatches that are not running
 */
export async function accounts(pg: Sql, lost: string[]): Promise<Account[]> {
  return await pg<Account[]>`
    with effects as (${openEffectRows(pg, lost)}), looked_at as (
      select name, count(*) as expected, count(*) filter (where done) as done,
        count(*) filter (where dead) as dead,
        count(*) filter (where not done and not dead and not lost) as in_flight,
        count(*) filter (where not done and not dead and lost) as missing,
        extract(epoch from now() - min(claimed_at) filter (where not done and not dead)) as oldest
      from effects group by name
    ), given_up as (
      select l.subscriber as name, count(distinct l.event_id) as dead from knockon.dead_letters l
      cross join lateral (
        select dispatch_id from knockon.dispatched where event_id = l.event_id offset 0
      ) o
      cross join lateral (select subscribers, open from knockon.dispatches
        where id = o.dispatch_id offset 0) d
      where l.subscriber = any(d.subscribers)
        and l.subscriber <> all(coalesce(d.open, d.subscribers)) group by l.subscriber
    ), settled as (select subscriber as name, events from knockon.settled_totals)
    select name, (coalesce(s.events, 0) + coalesce(n.expected, 0))::float8 as expected,
      (coalesce(s.events, 0) - coalesce(b.dead, 0) + coalesce(n.done, 0))::float8 as done,
      (coalesce(b.dead, 0) + coalesce(n.dead, 0))::float8 as dead,
      coalesce(n.in_flight, 0)::float8 as in_flight, coalesce(n.missing, 0)::float8 as missing,
        n.oldest::float8 as oldest_seconds
    from settled s full join looked_at n using (name) left join given_up b using (name)
      order by name collate "C"`;
}

/** An effect that nothing will bring about by itself. */
export interface MissingEffect {
  subscriber: string;
  event_id: string;
  type: string;
  dispatch_id: string;
  age_seconds: number;
}

/** The effects that are missing where these dispatches are not running, oldest first. */
export async function missingEffectsOf(
  pg: Sql,
  dispatches: string[],
  limit: number,
): Promise<MissingEffect[]> {
  if (dispatches.length === 0) return [];
  return await pg<MissingEffect[]>`
    select name as subscriber, event_id, type, dispatch_id,
      extract(epoch from now() - claimed_at)::float8 as age_seconds
    from (${openEffectRows(pg, dispatches)}) effects where lost and not done and not dead
    order by dispatch_id, event_id, name limit ${limit}`;
}

/** Events that are committed and have not reached the transport: how many, and since when. */
export async function undispatched(
  pg: Sql,
): Promise<{ count: number; oldest_seconds: number | null }> {
  const [row] = await pg<{ count: number; oldest_seconds: number | null }[]>`
    with waiting as (
      select event_id, deliver_at from knockon.outbox where dispatch_id is null
      union all select o.event_id, o.deliver_at from knockon.dispatches d
        cross join lateral (${eventsOf(pg)}) o
        where d.started_at is null
    )
    select count(*)::int as count,
      extract(epoch from now() - min(coalesce(deliver_at, knockon.uuid_time(event_id))))::float8
        as oldest_seconds
      from waiting`;
  return row ?? { count: 0, oldest_seconds: null };
}

/**
 * The age in seconds of the oldest event that has not reached the transport; null where there is
 * none. One that was scheduled is as old as it is overdue, also while no dispatcher has taken it.
 * Index look-ups.
 */
export async function oldestUndispatched(pg: Sql): Promise<number | null> {
  const [row] = await pg<{ age: number | null }[]>`
    select extract(epoch from now() - least(
      (select knockon.uuid_time(event_id) from knockon.outbox
        where dispatch_id is null and deliver_at is null order by event_id limit 1),
      (select deliver_at from knockon.outbox
        where dispatch_id is null and deliver_at is not null order by deliver_at limit 1),
      (select deliver_at from knockon.scheduled
        where cancelled_at is null and deliver_at < now() order by deliver_at, place limit 1),
      (select claimed_since from (
        select knockon.uuid_time(id) as claimed_since from knockon.dispatches
        where started_at is null order by claimed_at limit 1) d)
    ))::float8 as age`;
  return row?.age ?? null;
}
