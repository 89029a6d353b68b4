import type { Sql, TransactionSql } from 'postgres';
import { takeLock } from '../db/advisory-locks.ts';
import { databaseTime } from '../db/server.ts';
import { BATCH, type Batch, deleteDebounces, deleteTurns } from './expire-key-state.ts';

/** How long what is of no more use is kept, in ms; null: for ever. */
export interface Retention {
  /** The log, and all that belongs to its events. */
  eventsMs: number | null;
  /**
   * Outbox rows, dispatches and receipts of what is done. Without its receipt an event that is
   * replayed happens again.
   */
  receiptsMs: number | null;
}

export interface Expired {
  idempotency_keys: number;
  /** What was written down of keys that debounced effects are through with. */
  debounces: number;
  /** Where workspaces stood with subscribers that limited them. */
  workspace_turns: number;
  dispatches: number;
  events: number;
}

/**
 * How long a message's Idempotency-Key answers as it did first, in ms. Its answer is made from the
 * event.
 */
const KEY_MS = 24 * 60 * 60 * 1000;

/** The smallest UUIDv7 of a moment: ids before it are older. */
export const firstIdAt = (ms: number) => {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

/**
 * Deletes what has expired, in small batches by index, oldest first. Only what every subscriber has
 * done: an event that is open, dead or was never dispatched stays, however old, and so does
 * everything that belongs to it.
 *
 * @param onEvents told before events are deleted up to which id they may be gone from then on
 * @param signal ends it after the batch in hand
 */
export async function expire(
  pg: Sql,
  { eventsMs, receiptsMs }: Retention,
  onEvents: (tx: TransactionSql, before: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Expired> {
  const expired: Expired = {
    idempotency_keys: 0,
    debounces: 0,
    workspace_turns: 0,
    dispatches: 0,
    events: 0,
  };
  expired.idempotency_keys = await inBatches(pg, signal, deleteKeys);
  expired.debounces = await inBatches(pg, signal, deleteDebounces);
  expired.workspace_turns = await inBatches(pg, signal, deleteTurns);
  const settledMs = Math.min(
    eventsMs ?? Number.POSITIVE_INFINITY,
    receiptsMs ?? Number.POSITIVE_INFINITY,
  );
  if (settledMs === Number.POSITIVE_INFINITY) return expired;
  // By the database's clock: what has expired for one machine has for all.
  const now = await databaseTime(pg);
  const doneBefore = firstIdAt(now - settledMs);
  expired.dispatches = await inBatches(pg, signal, (tx, after) =>
    deleteDispatches(tx, after, doneBefore),
  );
  if (eventsMs === null) return expired;
  const before = firstIdAt(now - eventsMs);
  expired.events = await inBatches(pg, signal, async (tx, after) => {
    await onEvents(tx, before);
    return await deleteEvents(tx, after, before, eventsMs < KEY_MS);
  });
  expired.events += await inBatches(pg, signal, (tx) => deleteCancelled(tx, eventsMs));
  return expired;
}

/**
 * Batch after batch until one finds nothing. One process at a time: where another has the lock
 * nothing is found. @returns how many rows
 */
async function inBatches(
  pg: Sql,
  signal: AbortSignal,
  batch: (tx: TransactionSql, after: string) => Promise<Batch>,
): Promise<number> {
  let after = firstIdAt(0);
  for (let rows = 0; ; ) {
    const { looked_at, deleted, last } = await pg.begin(async (tx) => {
      const isOurs = await takeLock(tx, 'expire');
      return isOurs ? await batch(tx, after) : { looked_at: 0, deleted: 0, last: null };
    });
    rows += deleted;
    after = last ?? after;
    if (looked_at === 0 || signal.aborted) return rows;
  }
}

async function deleteKeys(tx: TransactionSql): Promise<Batch> {
  const { count } = await tx`
    delete from knockon.idempotency_keys where ctid = any(array(
      select ctid from knockon.idempotency_keys where created_at < now() - interval '24 hours'
        order by created_at limit ${BATCH} for update skip locked
    ))`;
  return { looked_at: count, deleted: count, last: null };
}

/** What was scheduled and then cancelled. While it is scheduled nothing expires. */
async function deleteCancelled(tx: TransactionSql, eventsMs: number): Promise<Batch> {
  const { count } = await tx`
    delete from knockon.scheduled where id = any(array(
      select id from knockon.scheduled
      where cancelled_at < now() - ${Math.max(eventsMs, KEY_MS)}::float8 * interval '1 ms'
      order by cancelled_at limit ${BATCH} for update skip locked
    ))`;
  return { looked_at: count, deleted: count, last: null };
}

/**
 * Dispatches whose effects have all been done, with the outbox rows of their events. Receipts and
 * attempts of an event go with the last of its dispatches. What stays because of a dead letter is
 * passed over, and looked at again next time.
 */
async function deleteDispatches(tx: TransactionSql, after: string, before: string): Promise<Batch> {
  const [row] = await tx<Batch[]>`
    with page as (
      select id, settled_at, sum(size) over (order by id) - size as before_it from (
        select id, size, settled_at from knockon.dispatches where id > ${after} and id < ${before}
          order by id limit ${BATCH}
      ) d
    ), looked_at as materialized (
      select id, settled_at from page where before_it < ${BATCH}
    ), old as materialized (
      select array(
        select l.id from looked_at l where l.settled_at is not null and not exists (
          select from (select event_id from knockon.dispatched where dispatch_id = l.id offset 0) o
          cross join lateral (select 1 from knockon.dead_letters where event_id = o.event_id
            limit 1) dead
        )
      ) as ids
    ), taken as (
      delete from knockon.outbox where dispatch_id = any((select ids
        from old)::uuid[]) returning event_id
    ), later as (
      delete from knockon.dispatch_events where dispatch_id = any((select ids from old)::uuid[])
        returning event_id
    ), last_of as materialized (
      select array_agg(event_id) as ids from (select event_id from taken union select event_id
        from later) e cross join lateral (
        select count(*) filter (where dispatch_id <> all((select ids from old)::uuid[])) as others
          from knockon.dispatched where event_id = e.event_id
      ) o where others = 0
    ), done as (
      delete from knockon.receipts where event_id = any((select ids from last_of)::uuid[])
    ), merged as (
      delete from knockon.merges where event_id = any((select ids from last_of)::uuid[])
    ), tried as (
      delete from knockon.attempts where event_id = any((select ids from last_of)::uuid[])
    ), gone as (
      delete from knockon.dispatches where id = any((select ids from old)::uuid[]) returning id
    ), noted as (
      -- By which a late call of one of them is told from one of a dispatch that never was here.
      update knockon.deployment set expired_before = ${before}
        where coalesce(expired_before < ${before},
        true) and exists (select from gone)
    )
    select (select count(*) from looked_at)::int as looked_at, (select count(*)
      from gone)::int as deleted,
      (select id from looked_at order by id desc limit 1) as last`;
  return row ?? { looked_at: 0, deleted: 0, last: null };
}

/**
 * Events that no dispatch has and that none waits for: all who wanted them have done them. Their
 * deliveries go with them. One that was scheduled is kept from its moment on. Looked up one by one:
 * a join may read the outbox from end to end.
 *
 * @param keysNeedThem whether events are deleted while their idempotency keys, or those of their
 * messages, are still answered for: those stay until then
 */
async function deleteEvents(
  tx: TransactionSql,
  after: string,
  before: string,
  keysNeedThem: boolean,
): Promise<Batch> {
  const [row] = await tx<Batch[]>`
    with old as materialized (
      select id, message_id, deliver_at from knockon.events where id > ${after} and id < ${before} order by id
        limit ${BATCH}
    ), free as materialized (
      select array(select id from old where not (${keysNeedThem} and exists (
          select from knockon.idempotency_keys k where k.message_id = old.message_id
            and k.created_at >= now() - interval '24 hours'
          union all
          select from knockon.idempotency_keys k where k.event_id = old.id
            and k.created_at >= now() - interval '24 hours'
        )) and coalesce(deliver_at < knockon.uuid_time(${before}), true)
        and (select o.event_id from knockon.outbox o where o.event_id = old.id) is null
        and (select e.event_id from knockon.dispatch_events e where e.event_id = old.id
          limit 1) is null) as ids
    ), d as (
      delete from knockon.deliveries where event_id = any((select ids
        from free)::uuid[]) returning id
    ), a as (
      delete from knockon.delivery_attempts where delivery_id = any(array(select id from d))
    ), gone as (
      delete from knockon.events where id = any((select ids from free)::uuid[]) returning id
    )
    select (select count(*) from old)::int as looked_at, (select count(*)
      from gone)::int as deleted,
      (select id from old order by id desc limit 1) as last`;
  return row ?? { looked_at: 0, deleted: 0, last: null };
}
