import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { type Dispatch, type SubscriberSpec, workspaceShare } from '../transport/dispatch.ts';
import type { DispatchScope } from '../transport/transport.ts';

/** A group of events that has been claimed, and what its workflow is to be started with. */
export interface ClaimedDispatch extends DispatchScope {
  id: string;
  type: string;
  size: number;
  /** Its oldest event that was never scheduled. Null: all were. Unset: an earlier claim took it. */
  oldest_event_id?: string | null;
  /** How late its first scheduled event is, in ms. Null: none was scheduled. */
  overdue_ms?: number | null;
  /**
   * Its workspaces have so many events in it that others would wait for them: those of the others
   * are a dispatch of their own.
   */
  flooding?: boolean;
  /** True: payloads of some of its events have not been compared with their schema yet. */
  unchecked?: boolean | null;
  /** Of whose database it is. */
  origin?: string;
  /** Whom it is for; empty: nobody listens, there is nothing to start. */
  subscribers: SubscriberSpec[];
}

/** A workspace with more than this part of a full dispatch floods. */
const FLOOD = 1 / 20;

/** A workspace that floods alone has its own; those who flood together share one. */
const shareOf = ([first = '', ...others]: string[]) =>
  others.length === 0 ? workspaceShare(first) : 'floods';

/** Whose dispatches these are. */
export const origin = (pg: Sql | TransactionSql) => pg`(select id from knockon.deployment)`;

/** What travels of a claimed group, and what is told of it beside. */
export const handedOver = ({
  id,
  type,
  size,
  subscribers,
  origin,
  flooding,
  workspace_ids,
  channel_ids,
}: ClaimedDispatch): [Dispatch, DispatchScope] => [
  { id, type, size, subscribers, origin, ...(flooding && { share: shareOf(workspace_ids) }) },
  { workspace_ids, channel_ids },
];

/**
 * How to reach the subscribers that a dispatch names, as JSON. Calls of a limited one are small, so
 * that its limit is of events. What a retired one has open is nobody's, unless it finishes it.
 */
export const specs = (pg: Sql | TransactionSql, names: PendingQuery<Row[]>) => pg`
  coalesce((
    select jsonb_agg(jsonb_build_object('name', s.name, 'task_queue', s.task_queue, 'activity',
      s.activity, 'batch',
      case when c.per_second is null then s.batch
        else least(s.batch, greatest(1, floor(c.per_second / 100)))::int end,
      'timeout_ms', s.timeout_ms, 'retry', s.retry)
      || case s.host when 'worker' then '{"host": "worker"}' else '{}' end::jsonb order by s.name)
    from knockon.subscribers s left join knockon.controls c on c.subscriber = s.name
    where s.name = any(${names}) and coalesce(s.retired_open, 'finish') = 'finish'
  ), '[]')`;

/**
 * Claims waiting events, as one dispatch for each event type, for the subscribers registered for it
 * at this moment. The same statement reads events and subscribers, so a subscriber that registers
 * before an event is committed gets it. Until the first one registers, everything waits.
 *
 * Half of a batch is shared out evenly among the workspaces that wait, the rest of it goes to the
 * oldest: a flood leaves room, and with more workspaces than places nobody is passed over for ever.
 * `lingering` workspaces are left out, and with them the oldest. Workspaces that flood and those that
 * don't travel apart, the latter first: a call of two thousand events takes its time.
 *
 * By their state and never by "id greater than the last one seen", so an event whose transaction
 * commits late is not skipped. `skip locked`: several dispatchers take different events and wait
 * for nobody. A crash before the commit leaves the events as they were; one after it leaves a
 * dispatch without `started_at`, which any dispatcher starts: the same workflow id, so never twice.
 */
export async function claim(
  pg: Sql,
  size: number,
  lingering: string[] = [],
): Promise<ClaimedDispatch[]> {
  const half = size / 2;
  // `dispatch_id is null`, as only the index by workspaces says it. A planner with the choice, and
  // statistics of when nothing waited, takes the index by events for the same price, and reads all
  // that wait once for each workspace.
  const waits = pg`coalesce(dispatch_id, event_id) = event_id`;
  return await pg<ClaimedDispatch[]>`
    with recursive waiting as (
      (select workspace_id, 1 as nth from knockon.outbox
        where ${waits} and ${size > 1} and exists (select from knockon.subscribers)
          order by workspace_id limit 1)
      union all
      select next.workspace_id, w.nth + 1 from waiting w cross join lateral (
        select workspace_id from knockon.outbox where ${waits} and workspace_id > w.workspace_id
          order by workspace_id limit 1
      ) next where w.nth < ${half}::float8
    ), turns as (
      select workspace_id from waiting where workspace_id <> all(${lingering}::uuid[])
    ), fair as (
      select share.* from turns t cross join lateral (
        select event_id, type, workspace_id, channel_id, unchecked, deliver_at from knockon.outbox
          where ${waits}
          and workspace_id = t.workspace_id
        order by event_id limit (select ceil(${half}::float8 / count(*)) from turns)
          for update skip locked
      ) share
    ), oldest as (
      select event_id, type, workspace_id, channel_id, unchecked, deliver_at from knockon.outbox
      where dispatch_id is null and ${lingering.length === 0} and exists (select
        from knockon.subscribers)
      order by event_id limit ${size} for update skip locked
    ), picked as (
      select event_id, type, workspace_id, channel_id, unchecked, deliver_at
      from (select *, 1 as turn from fair union all select *, 2 from oldest) as candidates
      group by event_id, type, workspace_id, channel_id, unchecked, deliver_at
      order by min(turn), event_id limit ${size}
    ), told_apart as (
      select *, count(*) over (partition by workspace_id) > ${size * FLOOD}::float8 as flooding
        from picked
    ), groups as (
      select knockon.uuidv7() as id, type, flooding, count(*)::int as size,
        (array_agg(event_id order by event_id) filter (where deliver_at is null))[1]
          as oldest_event_id,
        extract(epoch from now() - min(deliver_at))::float8 * 1000 as overdue_ms,
        array(select name from knockon.subscribers where event_types && knockon.wanted_as(t.type)
          and retired_at is null order by name) as names,
        array_agg(distinct workspace_id) as workspace_ids,
        coalesce(array_agg(distinct channel_id) filter (where channel_id is not null),
          '{}') as channel_ids,
        bool_or(unchecked) as unchecked
      from told_apart t group by type, flooding
    ), opened as (
      insert into knockon.dispatches (id, type, size, subscribers, unchecked)
      select id, type, size, names, unchecked from groups
    ), claimed as (
      update knockon.outbox o set dispatch_id = g.id from told_apart p
        join groups g using (type, flooding)
        where o.event_id = p.event_id
    )
    select id, type, size, oldest_event_id, overdue_ms, flooding, unchecked, workspace_ids,
      channel_ids,
      ${origin(pg)} as origin,
      ${specs(pg, pg`groups.names`)} as subscribers from groups
    order by flooding, size`;
}

/** A dispatch that nobody has started. */
export interface UnstartedDispatch extends ClaimedDispatch {
  /** A dispatcher claimed it before, and has not started it. */
  abandoned: boolean;
}

/**
 * Claims dispatches that nobody starts: those that were made and not claimed yet, and those that
 * were claimed `staleMs` ago, for their dispatcher is gone, or can't say.
 */
export async function reclaim(pg: Sql, staleMs: number): Promise<UnstartedDispatch[]> {
  return await pg<UnstartedDispatch[]>`
    with found as (
      select id, claimed_at from knockon.dispatches
      where started_at is null
        and (claimed_at is null or claimed_at < now() - ${staleMs} * interval '1 ms')
      order by claimed_at limit 50 for update skip locked
    )
    update knockon.dispatches d set claimed_at = now() from found where d.id = found.id
    returning d.id, d.type, d.size, d.unchecked, found.claimed_at is not null as abandoned,
      ${origin(pg)} as origin, ${specs(pg, pg`d.subscribers`)} as subscribers,
      array(select distinct workspace_id from knockon.outbox
        where dispatch_id = d.id) as workspace_ids,
      array(select distinct channel_id from knockon.outbox where dispatch_id = d.id
        and channel_id is not null) as channel_ids`;
}

/** Notes that a dispatch has been taken, or that there is nobody to take it (`runId` null). */
export async function markStarted(pg: Sql, id: string, runId: string | null): Promise<void> {
  await pg`update knockon.dispatches set started_at = now(), run_id = coalesce(${runId}, run_id)
    where id = ${id} and started_at is null`;
}
