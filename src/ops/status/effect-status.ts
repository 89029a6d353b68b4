import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';

/** Where parts of statements are made: in a transaction or out of it. */
export type Queries = Sql | TransactionSql;

/**
 * How an event stands with a subscriber. `never`: not dispatched to it. `waiting`: for its first
 * dispatch, or until its type is mended. `in_flight`: a dispatch is running for it. `expired`:
 * done, and its receipt is gone.
 */
export type EffectStatus = 'never' | 'waiting' | 'in_flight' | 'dead' | 'done' | 'expired';

/** One event and one subscriber that takes its type. */
export interface EventEffect {
  event_id: string;
  type: string;
  workspace_id: string;
  channel_id: string | null;
  subscriber: string;
  /** Whether it may be done again. */
  again: 'freely' | 'asked' | 'never';
  status: EffectStatus;
}

/**
 * A dead letter `l` that somebody is trying again at this moment. A subquery that gives a value, as
 * everywhere here: the index finds it, where a planner that was told nothing of the tables would
 * compare each letter with each of the dispatches.
 */
export const IS_RETRIED = `(l.retried_by is not null and coalesce((
  select (select state from knockon.operations where id = od.operation_id) in ('running', 'paused')
  from knockon.operation_dispatches od where od.dispatch_id = l.retried_by and od.ended_at is null
    limit 1), false))`;

/** The same, for statements of the raw client. */
export const isRetried = (pg: Queries) => pg.unsafe(IS_RETRIED);

/**
 * Some events, once for each subscriber that takes them and is not retired, with how they stand.
 * The first dispatch is in `outbox`. Retries, replays and backfills are in `dispatch_events`.
 *
 * @param events rows of `events`, or some of its columns: id, type, workspace_id, channel_id,
 * timestamp
 * @param subscriber only this one's
 */
export function effectStatuses(
  pg: Queries,
  events: PendingQuery<Row[]>,
  subscriber: string | null,
): PendingQuery<Row[]> {
  return pg`
    select e.id as event_id, e.type, e.workspace_id, e.channel_id, s.name as subscriber,
      s.again, case
        when l.event_id is not null then case when l.retried then 'in_flight' else 'dead' end
        when r.event_id is not null then 'done'
        when later.is_there then 'in_flight'
        when o.event_id is null then case when e.timestamp < s.created_at then 'never'
          else 'expired' end
        when o.dispatch_id is null or o.unchecked is false then 'waiting'
        when s.name = any(d.subscribers) then 'in_flight'
        else 'never'
      end as status
    from (${events}) e
    join knockon.subscribers s on s.event_types && knockon.wanted_as(e.type)
      and s.retired_at is null and (${subscriber}::text is null or s.name = ${subscriber})
    left join lateral (select event_id, dispatch_id, unchecked from knockon.outbox
      where event_id = e.id offset 0) o on true
    left join lateral (select subscribers from knockon.dispatches where id = o.dispatch_id offset 0)
      d on true
    left join lateral (select event_id from knockon.receipts where event_id = e.id
      and subscriber = s.name offset 0) r on true
    left join lateral (
      select l.event_id, ${isRetried(pg)} as retried from (select * from knockon.dead_letters
        where event_id = e.id offset 0) l
      where l.subscriber = s.name limit 1
    ) l on true
    left join lateral (
      select true as is_there from (select dispatch_id from knockon.dispatch_events
        where event_id = e.id offset 0) x
      where s.name = any((select subscribers from knockon.dispatches
        where id = x.dispatch_id)::text[])
        limit 1
    ) later on true`;
}
