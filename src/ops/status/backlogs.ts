import type { Sql } from 'postgres';

/** What is open of a subscriber. Ages are in seconds; null where there is none. */
interface Backlog {
  name: string;
  backlog: number;
  waiting: number;
  /** Of the backlog, what has failed before. */
  retrying: number;
  age: number | null;
  /** Age of the oldest that has not been tried. */
  untried_age: number | null;
}

/**
 * What is open, by subscriber: dispatched and neither done nor dead, or about to be dispatched.
 * Costs what is open.
 *
 * @param workspaceId only this one's events
 */
export async function readBacklogs(pg: Sql, names: string[], workspaceId?: string) {
  // As subqueries: a planner that was told nothing of how few are open would rather read both
  // tables from end to end.
  const isTheirs =
    workspaceId === undefined
      ? pg`true`
      : pg`(select workspace_id from knockon.events where id = o.event_id) = ${workspaceId}`;
  const rows = await pg<Backlog[]>`
    with open as (
      select s.name, coalesce(o.deliver_at, knockon.uuid_time(o.event_id)) as since, exists (
        select from knockon.attempts a where a.event_id = o.event_id and a.subscriber = s.name
          and a.waiting_until > now()) as waits,
        exists (select from knockon.attempts a where a.event_id = o.event_id
          and a.subscriber = s.name) as tried
      from knockon.dispatches d cross join unnest(coalesce(d.open, d.subscribers)) as s (name)
      cross join lateral (select event_id, deliver_at from knockon.dispatched
        where dispatch_id = d.id offset 0) o
      where d.settled_at is null and s.name = any(${names}) and ${isTheirs}
        and (select true from knockon.receipts r where r.event_id = o.event_id
          and r.subscriber = s.name
          limit 1) is null
        and (select true from (select subscriber from knockon.dead_letters
          where event_id = o.event_id offset 0) l where l.subscriber = s.name limit 1) is null
      union all
      select s.name, coalesce(o.deliver_at, knockon.uuid_time(o.event_id)), false, false
      from knockon.outbox o join knockon.subscribers s
        on s.event_types && knockon.wanted_as(o.type) and s.retired_at is null
      where o.dispatch_id is null and s.name = any(${names}) and ${isTheirs}
    )
    select name, count(*) filter (where not waits)::int as backlog,
      count(*) filter (where waits)::int as waiting,
      count(*) filter (where tried and not waits)::int as retrying,
      extract(epoch from now() - min(since) filter (where not waits))::float8 as age,
      extract(epoch from now() - min(since) filter (where not tried))::float8 as untried_age
    from open group by name`;
  return new Map(rows.map((row) => [row.name, row]));
}
