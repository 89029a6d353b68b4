import type { Sql } from 'postgres';
import type { OperationDependencies } from './handler.ts';

/** What has become of the dispatches of an operation that it has not counted yet, in events. */
export interface DispatchProgress {
  /** Dispatches that have ended since it was last asked. */
  ended: number;
  /** Neither done nor dead. */
  open: number;
  /** Of these, what has not been tried yet: the rest waits for its next try. */
  busy: number;
}

/** How each event of an operation's open dispatches has fared since it was dispatched there. */
const eventsProgress = (pg: Sql, operationId: string) => pg`
  select od.dispatch_id, e.event_id, r.event_id is not null as done, r.event_id is null
    and l.event_id is not null as dead, l.reason,
    r.event_id is null and l.event_id is null and a.event_id is not null as tried
  from knockon.operation_dispatches od
  cross join lateral (select id, subscribers, again, claimed_at from knockon.dispatches
    where id = od.dispatch_id offset 0) d
  cross join lateral (select event_id from knockon.dispatch_events
    where dispatch_id = d.id offset 0) e
  left join lateral (
    select event_id, completed_at from knockon.receipts where event_id = e.event_id
      and subscriber = d.subscribers[1] offset 0
  ) r on not d.again or r.completed_at >= d.claimed_at
  left join lateral (
    select event_id, reason from (select * from knockon.dead_letters
      where event_id = e.event_id offset 0) l
    where subscriber = d.subscribers[1] and created_at >= d.claimed_at limit 1
  ) l on true
  left join lateral (
    select event_id from knockon.attempts where event_id = e.event_id
      and subscriber = d.subscribers[1]
      and updated_at >= d.claimed_at limit 1
  ) a on true
  where od.operation_id = ${operationId} and od.ended_at is null`;

/** Most failures that an operation names. */
const NAMED = 100;

/** Counts what has ended, and adds it to the operation's figures. */
export async function readProgress(pg: Sql, operationId: string): Promise<DispatchProgress> {
  return await countEnded(pg, operationId, pg`not bool_or(not done and not dead)`);
}

/**
 * Counts as failed what is open in dispatches that are not running: their workflow was terminated,
 * or is lost. Healing restarts what the ledger expects.
 */
export async function failOrphans(
  { pg, recovery }: OperationDependencies,
  operationId: string,
): Promise<void> {
  const refs = await pg<{ id: string; restarts: number }[]>`
    select d.id, d.restarts from knockon.operation_dispatches od cross join lateral (select *
      from knockon.dispatches where id = od.dispatch_id offset 0) d
    where od.operation_id = ${operationId} and od.ended_at is null and d.settled_at is not null
      and d.started_at < now() - interval '15 s'`;
  if (refs.length === 0) return;
  const alive = await recovery.running(refs);
  const lost = refs.flatMap(({ id }) => (alive.has(id) ? [] : [id]));
  if (lost.length > 0) await countEnded(pg, operationId, pg`dispatch_id = any(${lost}::uuid[])`);
}

async function countEnded(
  pg: Sql,
  operationId: string,
  isOver: ReturnType<Sql>,
): Promise<DispatchProgress> {
  const [row] = await pg<DispatchProgress[]>`
    with fared as (${eventsProgress(pg, operationId)}), dispatched as (
      select dispatch_id, ${isOver} as over, count(*) filter (where done) as done,
        count(*) filter (where not done) as failed,
        count(*) filter (where not done and not dead) as open, count(*) filter (where not done
          and not dead and not tried) as busy
      from fared group by dispatch_id
    ), ended as (
      update knockon.operation_dispatches od set ended_at = now() from dispatched d
        where od.dispatch_id = d.dispatch_id and d.over and od.ended_at is null
      returning d.dispatch_id, d.done, d.failed
    ), named as (
      select jsonb_build_object('subject', event_id, 'reason',
        coalesce(reason, 'its workflow ended without it')) as failure
      from fared where dispatch_id = any(array(select dispatch_id from ended)) and not fared.done
        order by event_id limit ${NAMED}
    ), counted as (
      update knockon.operations
        set done = operations.done + e.done, failed = operations.failed + e.failed,
        failures = case when jsonb_array_length(failures) < ${NAMED} then failures ||
          (select coalesce(jsonb_agg(failure), '[]') from named) else failures end
      from (select coalesce(sum(done), 0)::int as done, coalesce(sum(failed), 0)::int as failed
        from ended) e
      where id = ${operationId} and exists (select from ended)
    )
    select (select count(*) from ended)::int as ended, coalesce(sum(open) filter (where not over),
      0)::int as open,
      coalesce(sum(busy) filter (where not over), 0)::int as busy from dispatched`;
  return row ?? { ended: 0, open: 0, busy: 0 };
}
