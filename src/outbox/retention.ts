import type { Sql, TransactionSql } from 'postgres';

/** How long what is of no more use is kept, in ms; null: for ever. */
export interface Retention {
  /** The log, and all that belongs to its events. */
  eventsMs: number | null;
  /** Outbox rows, dispatches and receipts of what is done. Without its receipt an event that is replayed happens again. */
  receiptsMs: number | null;
}

export interface Expired {
  idempotency_keys: number;
  dispatches: number;
  events: number;
}

/** Events, dispatches or keys looked at by one statement: short enough to be in nobody's way. */
const BATCH = 1000;

/** The smallest UUIDv7 of a moment: ids before it are older. */
export const firstIdAt = (ms: number) => {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

/**
 * Deletes what has expired, in small batches by index, oldest first. Only what every subscriber has done: an event that is open,
 * dead or was never dispatched stays, however old, and so does everything that belongs to it.
 *
 * @param onEvents told before events are deleted up to which id they may be gone from then on
 * @param signal ends it after the batch in hand
 */
export async function expire(
  sql: Sql,
  { eventsMs, receiptsMs }: Retention,
  onEvents: (tx: TransactionSql, before: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Expired> {
  const expired: Expired = { idempotency_keys: 0, dispatches: 0, events: 0 };
  expired.idempotency_keys = await inBatches(sql, signal, deleteKeys);
  const settledMs = Math.min(eventsMs ?? Number.POSITIVE_INFINITY, receiptsMs ?? Number.POSITIVE_INFINITY);
  if (settledMs === Number.POSITIVE_INFINITY) return expired;
  const doneBefore = firstIdAt(Date.now() - settledMs);
  expired.dispatches = await inBatches(sql, signal, (tx) => deleteDispatches(tx, doneBefore));
  if (eventsMs === null) return expired;
  const before = firstIdAt(Date.now() - eventsMs);
  let after = '00000000-0000-0000-0000-000000000000';
  await inBatches(sql, signal, async (tx) => {
    if (expired.events === 0) await onEvents(tx, before);
    const { looked_at, deleted, last } = await deleteEvents(tx, after, before);
    after = last ?? after;
    expired.events += deleted;
    return looked_at;
  });
  return expired;
}

/** Batch after batch until one finds nothing. One process at a time: where another has the lock nothing is found. @returns how many rows */
async function inBatches(sql: Sql, signal: AbortSignal, batch: (tx: TransactionSql) => Promise<number>): Promise<number> {
  for (let rows = 0; ; ) {
    const deleted = await sql.begin(async (tx) => {
      const [lock] = await tx`select pg_try_advisory_xact_lock(hashtext('knockon.expire')) as taken`;
      return lock?.taken ? await batch(tx) : 0;
    });
    rows += deleted;
    if (deleted === 0 || signal.aborted) return rows;
  }
}

async function deleteKeys(tx: TransactionSql): Promise<number> {
  const { count } = await tx`
    delete from idempotency_keys where ctid = any(array(
      select ctid from idempotency_keys where created_at < now() - interval '24 hours' order by created_at limit ${BATCH} for update skip locked
    ))`;
  return count;
}

/** Dispatches whose effects have all been done, with the outbox rows, receipts and attempts of their events. */
async function deleteDispatches(tx: TransactionSql, before: string): Promise<number> {
  const [row] = await tx<{ count: number }[]>`
    with candidates as (
      select id, size from dispatches d where id < ${before} and settled_at is not null
        and not exists (select from dispatched o join dead_letters l on l.event_id = o.event_id where o.dispatch_id = d.id)
      order by id limit ${BATCH}
    ), old as (
      select id from (select id, sum(size) over (order by id) - size as before_it from candidates) c where before_it < ${BATCH}
    ), taken as (
      delete from outbox where dispatch_id = any(array(select id from old)) returning event_id
    ), later as (
      delete from dispatch_events where dispatch_id = any(array(select id from old)) returning event_id
    ), ids as materialized (
      -- The receipts of an event go with the last of its dispatches.
      select array_agg(event_id) as all_of_them from (
        select event_id from taken where not exists (
          select from dispatch_events e where e.event_id = taken.event_id and e.dispatch_id <> all(array(select id from old))
        )
        union select event_id from later where not exists (
          select from dispatched o where o.event_id = later.event_id and o.dispatch_id <> all(array(select id from old))
        )
      ) gone
    ), done as (
      delete from receipts where event_id = any((select all_of_them from ids)::uuid[])
    ), tried as (
      delete from attempts where event_id = any((select all_of_them from ids)::uuid[])
    ), gone as (
      delete from dispatches where id = any(array(select id from old)) returning id
    )
    select count(*)::int as count from gone`;
  return row?.count ?? 0;
}

/** Events that nobody has an outbox row for any more: all who wanted them have done them. Their deliveries go with them. */
async function deleteEvents(tx: TransactionSql, after: string, before: string) {
  const [row] = await tx<{ looked_at: number; deleted: number; last: string | null }[]>`
    with old as (
      select id from events where id > ${after} and id < ${before} order by id limit ${BATCH}
    ), free as materialized (
      select array(select id from old where not exists (select from outbox o where o.event_id = old.id)
        and not exists (select from dispatch_events e where e.event_id = old.id)) as ids
    ), d as (
      delete from deliveries where event_id = any((select ids from free)::uuid[]) returning id
    ), a as (
      delete from delivery_attempts where delivery_id = any(array(select id from d))
    ), gone as (
      delete from events where id = any((select ids from free)::uuid[]) returning id
    )
    select (select count(*) from old)::int as looked_at, (select count(*) from gone)::int as deleted,
      (select id from old order by id desc limit 1) as last`;
  return row ?? { looked_at: 0, deleted: 0, last: null };
}
