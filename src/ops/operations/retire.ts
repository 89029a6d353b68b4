import type { Sql } from 'postgres';
import { waitForLock } from '../../db/advisory-locks.ts';
import { isClaimUnderWay } from '../../outbox/claims-under-way.ts';
import type { DispatchRef } from '../../transport/transport.ts';
import type { OpenWay } from '../controls/open-ways.ts';
import { effectStatuses } from '../status/effect-status.ts';
import { closeEffects, emitDiscards } from './discard.ts';
import type { OpenOperation, OperationDependencies, OperationHandler, Step } from './handler.ts';
import { REDISPATCH_LOCK, redispatch, startAll } from './redispatch.ts';

/** What a retirement is asked for. */
interface RetireInput {
  subscriber: string;
  open: OpenWay;
  to?: string;
  reason?: string;
}

/** Most failures that an operation names. */
const NAMED = 100;

/** Effects that are let go in one transaction. */
const BATCH = 200;

interface UnclosedEffect {
  event_id: string;
  workspace_id: string;
  dispatches: DispatchRef[];
}

/** Effects of a subscriber that have no receipt. Joins `d`, the dispatch. */
const withoutReceipt = (pg: Sql, name: string) => pg`
  knockon.dispatches d cross join lateral (
    select event_id from knockon.dispatched where dispatch_id = d.id offset 0
  ) o
  where d.settled_at is null and ${name} = any(coalesce(d.open, d.subscribers)) and (
    select true from knockon.receipts r where r.event_id = o.event_id and r.subscriber = ${name}
      limit 1
  ) is null`;

/**
 * What of a subscriber is neither done nor let go, dead letters included. Joins `d`, the dispatch.
 */
const unclosedEffects = (pg: Sql, name: string) => pg`
  select o.event_id, d.id as dispatch_id, d.restarts, d.started_at from ${withoutReceipt(pg, name)}
  union
  select l.event_id, d.id, d.restarts, d.started_at from knockon.dead_letters l
  cross join lateral (
    select * from knockon.dispatches where id in (l.dispatch_id, l.retried_by) offset 0
  ) d
  where l.subscriber = ${name}`;

/** What its workers have still to do. Dead letters are given up already. */
const unfinished = (pg: Sql, name: string) => pg`
  select o.event_id from ${withoutReceipt(pg, name)} and not exists (
    select from (select subscriber from knockon.dead_letters where event_id = o.event_id offset 0) l
    where l.subscriber = ${name}
  )`;

/**
 * Handles what a retired subscriber has open: its workers finish it, it is given up for good, or it
 * becomes another's work. In the latter two cases workflows and operations leave it off first, so
 * that nobody waits for it. Their other subscribers go on. Receipts keep it from happening, should
 * a worker be at it.
 */
export const retire: OperationHandler = {
  async count({ pg }, { input }) {
    const { subscriber, open } = input as unknown as RetireInput;
    const effects =
      open === 'finish' ? unfinished(pg, subscriber) : unclosedEffects(pg, subscriber);
    const [row] = await pg<
      { n: number }[]
    >`select count(distinct event_id)::int as n from (${effects}) o`;
    return row?.n ?? 0;
  },

  async step(deps, operation, limit) {
    const { subscriber, open } = operation.input as unknown as RetireInput;
    const since = operation.created_at.toISOString();
    const rest = operation.cursor?.rest_until ?? null;
    const changed = deps.pg`greatest(retired_at, ${since}::timestamptz)`;
    const [row] = await deps.pg<{ task_queue: string; may_grow: boolean; rests: boolean }[]>`
      select task_queue, ${isClaimUnderWay(deps.pg, changed)} as may_grow,
        coalesce(now() < ${rest as string | null}::timestamptz, false) as rests
      from knockon.subscribers where name = ${subscriber} and retire_operation = ${operation.id}`;
    // Somebody has taken it back, or asked for another way.
    if (!row) return await exhausted(deps.pg, operation);
    if (open !== 'finish') return await letGo(deps, operation, row, limit);
    const isFinished = !row.rests && (await lookOn(deps.pg, operation, row.may_grow));
    return { begun: 0, rest: !isFinished };
  },
};

/**
 * Its workers finish what is open, and this only counts. It counts for a tenth of the time at most:
 * what is open may be much.
 *
 * @returns whether nothing is open any more
 */
async function lookOn(pg: Sql, { id, input }: OpenOperation, mayGrow: boolean): Promise<boolean> {
  const { subscriber } = input as unknown as RetireInput;
  const [row] = await pg<{ exhausted: boolean }[]>`
    with open as (
      select count(distinct event_id)::int as n from (${unfinished(pg, subscriber)}) u
    ), dead as (
      select l.event_id, min(l.reason) as reason from knockon.dead_letters l
      join knockon.operations o on o.id = ${id} and l.created_at >= o.created_at
      where l.subscriber = ${subscriber} group by l.event_id
    ), failed as (
      select count(*)::int as n, coalesce(
        jsonb_agg(jsonb_build_object('subject', event_id, 'reason', reason))
          filter (where nth <= ${NAMED}), '[]'
      ) as named
      from (select *, row_number() over (order by event_id) as nth from dead) d
    )
    update knockon.operations set failed = failed.n, failures = failed.named,
      done = greatest(done, total - open.n - failed.n),
      exhausted = open.n = 0 and ${!mayGrow},
      cursor = jsonb_build_object(
        'rest_until', clock_timestamp() + 10 * (clock_timestamp() - now()))
    from open, failed where id = ${id} returning exhausted`;
  return row?.exhausted ?? true;
}

/** Ends its part of workflows and operations, and closes what is open. */
async function letGo(
  deps: OperationDependencies,
  operation: OpenOperation,
  { task_queue, may_grow }: { task_queue: string; may_grow: boolean },
  limit: number,
): Promise<Step> {
  const { subscriber } = operation.input as unknown as RetireInput;
  const found = await startedOnes(deps.pg, subscriber, Math.min(limit, BATCH));
  const refs =
    found.length > 0
      ? found.flatMap(({ dispatches }) => dispatches)
      : await ofOperations(deps.pg, subscriber);
  try {
    if (refs.length > 0) await deps.recovery.drop(refs, { name: subscriber, task_queue });
  } catch (error) {
    deps.log.warn(
      { err: error, operation: operation.id },
      'could not tell workflows that a subscriber is retired; trying again',
    );
    return { begun: 0, pause: true };
  }
  if (found.length > 0) return await closeOrHandOver(deps, operation, found);
  const isLeft = may_grow || (await retire.count(deps, operation)) > 0;
  return isLeft ? { begun: 0, pause: true } : await exhausted(deps.pg, operation);
}

/** Those whose workflow is there: what is started later is let go later. */
async function startedOnes(pg: Sql, name: string, limit: number): Promise<UnclosedEffect[]> {
  return await pg<UnclosedEffect[]>`
    select o.event_id, e.workspace_id, o.dispatches from (
      select event_id, jsonb_agg(jsonb_build_object('id', dispatch_id, 'restarts',
        restarts)) as dispatches
      from (${unclosedEffects(pg, name)}) o group by event_id
        having bool_and(started_at is not null) order by event_id limit ${limit}
    ) o cross join lateral (select workspace_id from knockon.events where id = o.event_id limit 1) e
      order by o.event_id`;
}

/** What operations have under way for it, such as a replay, though it is done. */
async function ofOperations(pg: Sql, name: string): Promise<DispatchRef[]> {
  return await pg<DispatchRef[]>`
    select d.id, d.restarts from knockon.operation_dispatches od cross join lateral (select *
      from knockon.dispatches where id = od.dispatch_id offset 0) d
    where od.ended_at is null and ${name} = any(d.subscribers)`;
}

async function closeOrHandOver(
  deps: OperationDependencies,
  operation: OpenOperation,
  found: UnclosedEffect[],
): Promise<Step> {
  const { subscriber, open, to, reason } = operation.input as unknown as RetireInput;
  const ids = found.map(({ event_id }) => event_id);
  const successor = open === 'hand_over' ? to : undefined;
  const sent = successor ? await handOver(deps, operation, ids, successor) : 0;
  const cause = successor ? `handed to ${successor}` : 'retired';
  const why = [successor && cause, reason ?? `${subscriber} was retired`]
    .filter(Boolean)
    .join(': ');
  const given = found.map(({ event_id, workspace_id }) => ({
    event_id,
    workspace_id,
    subscriber,
    cause,
  }));
  await deps.db.transaction(async (tx) => {
    const closed = await closeEffects(tx, given, operation.by, why);
    if (open === 'discard') await emitDiscards(tx, closed, operation.by, why);
  });
  await deps.pg`update knockon.operations set done = done + ${found.length - sent}
    where id = ${operation.id}`;
  return { begun: found.length };
}

/**
 * Dispatches to the other what it was not given itself. A crash before the first one is closed
 * finds it given. @returns how many
 */
async function handOver(
  deps: OperationDependencies,
  { id }: OpenOperation,
  events: string[],
  successor: string,
): Promise<number> {
  const claimed = await deps.pg.begin(async (tx) => {
    await waitForLock(tx, REDISPATCH_LOCK);
    const those = tx`select id, type, workspace_id, channel_id, timestamp from knockon.events
      where id = any(${events}::uuid[]) order by id`;
    const pairs = await tx<Parameters<typeof redispatch>[2]>`
      select event_id, type, workspace_id, channel_id, subscriber, 'first' as purpose
      from (${effectStatuses(tx, those, successor)}) p where status = 'never' order by event_id`;
    return await redispatch(tx, id, pairs);
  });
  await startAll(deps, claimed);
  return claimed.reduce((n, { size }) => n + size, 0);
}

async function exhausted(pg: Sql, { id }: OpenOperation): Promise<Step> {
  await pg`update knockon.operations set exhausted = true where id = ${id}`;
  return { begun: 0 };
}
