import type { TransactionSql } from 'postgres';

/** Rows looked at by one statement: short enough to be in nobody's way. */
export const BATCH = 1000;

/** What a batch looked at and deleted; `last` is where the next one goes on. */
export interface Batch {
  looked_at: number;
  deleted: number;
  last: string | null;
}

const NOTHING: Batch = { looked_at: 0, deleted: 0, last: null };

/**
 * What is written down of a key for a debounced effect, a day after it was changed, unless an event
 * waits for another one or is tried. Then it is looked at again a day later.
 */
export async function deleteDebounces(tx: TransactionSql): Promise<Batch> {
  const [row] = await tx<Batch[]>`
    with page as materialized (
      select ctid as at, subscriber, newest_id, called_id from knockon.debounces
      where look_at < now() order by look_at limit ${BATCH} for update skip locked
    ), judged as materialized (
      select p.at, exists (
        select from unnest(array[p.newest_id, p.called_id]) as e (id)
        where coalesce((select o.event_id from knockon.outbox o where o.event_id = e.id),
            (select d.event_id from knockon.dispatch_events d where d.event_id = e.id limit 1))
            is not null
          and (select true from knockon.receipts r
            where r.event_id = e.id and r.subscriber = p.subscriber) is null
          and (select true from knockon.dead_letters l
            where l.event_id = e.id and l.subscriber = p.subscriber limit 1) is null
      ) as is_open from page p
    ), gone as (
      delete from knockon.debounces where ctid = any(array(
        select at from judged where not is_open)) returning true
    ), kept as (
      update knockon.debounces set look_at = now() + interval '1 day'
      where ctid = any(array(select at from judged where is_open))
    )
    select (select count(*) from page)::int as looked_at, (select count(*)
      from gone)::int as deleted, null as last`;
  return row ?? NOTHING;
}

/**
 * Where a workspace stands with a subscriber that limits it, a day after it last had a call, with
 * what calls that were killed have left. Then it stands as one that never had a call.
 */
export async function deleteTurns(tx: TransactionSql): Promise<Batch> {
  const [row] = await tx<Batch[]>`
    with page as materialized (
      select ctid as at, subscriber, workspace_id, greatest(used_until, queued_until) as asked_at
      from knockon.workspace_turns
      where look_at < now() order by look_at limit ${BATCH} for update skip locked
    ), judged as materialized (
      select p.*, p.asked_at < now() - interval '1 day' and coalesce((
        select max(c.until) from knockon.workspace_calls c
        where c.subscriber = p.subscriber and c.workspace_id = p.workspace_id
      ) < now(), true) as is_over
      from page p
    ), calls as (
      delete from knockon.workspace_calls where ctid = any(array(
        select c.at from judged j cross join lateral (
          select ctid as at from knockon.workspace_calls
          where subscriber = j.subscriber and workspace_id = j.workspace_id offset 0
        ) c where j.is_over))
    ), gone as (
      delete from knockon.workspace_turns where ctid = any(array(
        select at from judged where is_over)) returning true
    ), kept as (
      update knockon.workspace_turns set look_at = now() + interval '1 day'
      where ctid = any(array(select at from judged where not is_over))
    )
    select (select count(*) from page)::int as looked_at, (select count(*)
      from gone)::int as deleted, null as last`;
  return row ?? NOTHING;
}
