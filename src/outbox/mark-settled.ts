import type { Sql } from 'postgres';
import { NIL_UUID } from '../db/statements.ts';

/** Dispatches looked at by one statement. */
const PAGE_ROWS = 200;

interface DispatchPage {
  looked_at: number;
  last: string | null;
}

/**
 * Marks what is settled: the subscribers of each dispatch that have done or given up all of its
 * events. The ledger does not look at them again, so a check costs what is open and not what has
 * ever happened; `settled_totals` keeps the sums.
 *
 * Several may do this at once: they take different dispatches. A receipt that is deleted later
 * opens its dispatch again (a trigger).
 */
export async function markSettled(pg: Sql): Promise<void> {
  let after = NIL_UUID;
  for (;;) {
    const { looked_at, last } = await settlePage(pg, after);
    if (looked_at < PAGE_ROWS || last === null) return;
    after = last;
  }
}

async function settlePage(pg: Sql, after: string): Promise<DispatchPage> {
  const [page] = await pg<DispatchPage[]>`
    with page as (
      select id, size, coalesce(open, subscribers) as open from knockon.dispatches
      where settled_at is null and started_at is not null and id > ${after} order by id
        limit ${PAGE_ROWS} for update skip locked
    ), found as (
      select id, size, open, array(select s.name from unnest(page.open) as s (name)
        where ${isOpen(pg, pg`page.id`)}) as still from page
    ), marked as (
      update knockon.dispatches d
        set open = f.still, settled_at = case when f.still = '{}' then now() end
      from found f where d.id = f.id
        and (f.still = '{}' or cardinality(f.still) < cardinality(f.open))
    ), counted as (
      insert into knockon.settled_totals as t (subscriber, events)
      select s.name, sum(f.size) from found f cross join unnest(f.open) as s (name)
        where s.name <> all(f.still) group by s.name order by s.name
      on conflict (subscriber) do update set events = t.events + excluded.events
    )
    select count(*)::int as looked_at, (select id from page order by id desc limit 1) as last
      from page`;
  return page ?? { looked_at: 0, last: null };
}

/**
 * Whether subscriber `s.name` has an event of that dispatch neither done nor given up. Ends at the
 * first. Subqueries and fences, so that each is looked up by its event whatever the planner knows
 * of the tables.
 */
const isOpen = (pg: Sql, dispatchId: ReturnType<Sql>) => pg`exists (
  select from (select event_id from knockon.dispatched where dispatch_id = ${dispatchId} offset 0) o
  where (select true from knockon.receipts r where r.event_id = o.event_id and r.subscriber = s.name
    limit 1) is null
    and (select true
      from (select subscriber from knockon.dead_letters where event_id = o.event_id offset 0)
      l where l.subscriber = s.name limit 1) is null)`;

/**
 * Reopens dispatches that were settled and are not any more. Does not rely on the trigger, which
 * may not have seen the statement that deleted receipts. Reads the whole history.
 */
export async function reopenUnsettled(pg: Sql): Promise<void> {
  let after = NIL_UUID;
  for (;;) {
    const { looked_at, last } = await reopenPage(pg, after);
    if (looked_at < PAGE_ROWS || last === null) return;
    after = last;
  }
}

async function reopenPage(pg: Sql, after: string): Promise<DispatchPage> {
  const [page] = await pg<DispatchPage[]>`
    with page as (
      select id, size, subscribers, open from knockon.dispatches
        where open is not null and id > ${after}
        order by id limit ${PAGE_ROWS} for update skip locked
    ), found as (
      select id, size, open, array(
        select s.name from unnest(page.subscribers) as s (name) where s.name <> all(page.open)
          and ${isOpen(pg, pg`page.id`)}
      ) as torn from page
    ), reopened as (
      update knockon.dispatches d set open = d.open || f.torn, settled_at = null from found f
        where d.id = f.id and f.torn <> '{}'
    ), discounted as (
      update knockon.settled_totals t set events = t.events - n.events
      from (select s.name, sum(f.size) as events from found f cross join unnest(f.torn) as s (name)
        group by s.name) n where t.subscriber = n.name
    )
    select count(*)::int as looked_at, (select id from page order by id desc limit 1) as last
      from page`;
  return page ?? { looked_at: 0, last: null };
}
