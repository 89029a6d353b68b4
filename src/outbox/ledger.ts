import type { Sql } from 'postgres';

/** The books of one subscriber, in events. `expected = done + dead + open`. */
export interface Account {
  name: string;
  expected: number;
  done: number;
  dead: number;
  open: number;
}

/** Events of one dispatch that a subscriber has neither done nor given up. */
export interface OpenItem {
  name: string;
  dispatch_id: string;
  events: number;
  /** Since their dispatch was claimed. */
  age_seconds: number;
}

/** Each dispatched event once for each of its subscribers, with what became of it. */
const reckoned = (sql: Sql) => sql`
  select s.name, d.id as dispatch_id, d.claimed_at, r.event_id is not null as done,
    r.event_id is null and l.event_id is not null as dead
  from dispatches d
  cross join unnest(d.subscribers) as s (name)
  join outbox o on o.dispatch_id = d.id
  left join receipts r on r.event_id = o.event_id and r.subscriber = s.name
  left join (select distinct event_id, subscriber from dead_letters) l on l.event_id = o.event_id and l.subscriber = s.name`;

/** What was expected of each subscriber and what it has done. Reads the whole ledger: a check, not for every request. */
export async function accounts(sql: Sql): Promise<Account[]> {
  return await sql<Account[]>`
    select name, count(*)::int as expected, count(*) filter (where done)::int as done, count(*) filter (where dead)::int as dead,
      count(*) filter (where not done and not dead)::int as open
    from (${reckoned(sql)}) reckoned group by name order by name`;
}

/** What is neither done nor dead, a row for each dispatch and subscriber, oldest first. */
export async function openItems(sql: Sql, limit = 1000): Promise<OpenItem[]> {
  return await sql<OpenItem[]>`
    select name, dispatch_id, count(*)::int as events, extract(epoch from now() - min(claimed_at))::float8 as age_seconds
    from (${reckoned(sql)}) reckoned where not done and not dead
    group by name, dispatch_id order by min(claimed_at) limit ${limit}`;
}

/** Events that are committed and have not reached the transport: how many, and since when. */
export async function undispatched(sql: Sql): Promise<{ count: number; oldest_seconds: number | null }> {
  const [row] = await sql<{ count: number; oldest_seconds: number | null }[]>`
    with waiting as (
      select event_id from outbox where dispatch_id is null
      union all select o.event_id from dispatches d join outbox o on o.dispatch_id = d.id where d.started_at is null
    )
    select count(*)::int as count, extract(epoch from now() - min(uuid_extract_timestamp(event_id)))::float8 as oldest_seconds from waiting`;
  return row ?? { count: 0, oldest_seconds: null };
}

/** The age in seconds of the oldest event that has not reached the transport; null where there is none. Two index look-ups. */
export async function oldestUndispatched(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ age: number | null }[]>`
    select extract(epoch from now() - least(
      (select uuid_extract_timestamp(event_id) from outbox where dispatch_id is null order by event_id limit 1),
      (select claimed_since from (select uuid_extract_timestamp(id) as claimed_since from dispatches where started_at is null order by claimed_at limit 1) d)
    ))::float8 as age`;
  return row?.age ?? null;
}

/** Dead letters by subscriber; subscribers without any are left out. */
export async function deadLetterCounts(sql: Sql): Promise<{ subscriber: string; count: number }[]> {
  return await sql<{ subscriber: string; count: number }[]>`
    select subscriber, count(*)::int as count from dead_letters group by subscriber order by subscriber`;
}
