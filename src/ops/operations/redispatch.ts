import type { Logger } from 'pino';
import type { Sql, TransactionSql } from 'postgres';
import { groupBy } from '../../group-by.ts';
import {
  type ClaimedDispatch,
  handedOver,
  markStarted,
  origin,
  specs,
} from '../../outbox/claim.ts';
import type { Transport } from '../../transport/transport.ts';
import type { EventEffect, Queries } from '../status/effect-status.ts';

/** One operation at a time makes dispatches, so that each sees those of the others. */
export const REDISPATCH_LOCK = 'redispatch';

/**
 * Why events are dispatched once more. `first`: to a subscriber that they never were dispatched to,
 * so the ledger expects it from now on. `retry`: they are dead there. `again`: they are done there,
 * and are done again. The ledger has the latter two already.
 */
export type Purpose = 'first' | 'retry' | 'again';

export type Redispatched = Pick<
  EventEffect,
  'event_id' | 'type' | 'workspace_id' | 'channel_id' | 'subscriber'
> & { purpose: Purpose };

/**
 * Makes dispatches for events that have had one: a group for each subscriber, type and purpose.
 * They become workflows like any other; a dispatcher starts what a crash leaves unstarted.
 *
 * @returns what is to be started once the transaction is committed
 */
export async function redispatch(
  tx: TransactionSql,
  operationId: string,
  events: Redispatched[],
): Promise<ClaimedDispatch[]> {
  const groups = groupBy(
    events,
    ({ subscriber, type, purpose }) => `${subscriber} ${type} ${purpose}`,
  );
  const claimed: ClaimedDispatch[] = [];
  for (const group of groups.values()) claimed.push(await open(tx, operationId, group));
  return claimed;
}

async function open(
  tx: TransactionSql,
  operationId: string,
  events: Redispatched[],
): Promise<ClaimedDispatch> {
  const { type, subscriber, purpose } = events[0]!;
  const ids = events.map((event) => event.event_id);
  const [made] = await tx<Pick<ClaimedDispatch, 'id' | 'subscribers' | 'origin'>[]>`
    with made as (
      insert into knockon.dispatches (id, type, size, subscribers, again, settled_at)
      values (knockon.uuidv7(), ${type}, ${ids.length}, ${[subscriber]}, ${purpose === 'again'},
        case when ${purpose !== 'first'} then now() end)
      returning id
    ), named as (
      insert into knockon.dispatch_events (dispatch_id, event_id, type)
        select made.id, t.id, ${type}
        from made, unnest(${ids}::uuid[]) as t (id)
    ), kept as (
      insert into knockon.operation_dispatches (dispatch_id, operation_id) select id, ${operationId}
        from made
    ), marked as (
      update knockon.dead_letters l set retried_by = made.id from made
        where l.event_id = any(${ids}::uuid[]) and l.subscriber = ${subscriber}
    )
    select made.id, ${origin(tx)} as origin,
      ${specs(tx, tx`${[subscriber]}::text[]`)} as subscribers from made`;
  if (!made || made.subscribers.length === 0)
    throw new Error(`there is no subscriber ${subscriber} any more`);
  return { ...made, type, size: ids.length, ...scope(events) };
}

const scope = (events: Redispatched[]) => ({
  workspace_ids: [...new Set(events.map((event) => event.workspace_id))],
  channel_ids: [...new Set(events.flatMap((event) => event.channel_id ?? []))],
});

/** Starts them. A dispatcher starts what can't be started now. */
export async function startAll(
  { pg, transport, log }: { pg: Sql; transport: Transport; log: Pick<Logger, 'warn'> },
  claimed: ClaimedDispatch[],
): Promise<void> {
  for (const group of claimed) {
    try {
      await markStarted(pg, group.id, await transport.start(...handedOver(group)));
    } catch (error) {
      log.warn({ err: error, dispatch: group.id }, 'could not start a dispatch; a dispatcher will');
    }
  }
}

/**
 * Closes open circuits, so that failing endpoints are tried at once: an operator who retries their
 * events says that the cause is gone. If it isn't, the circuits soon open again. One whose row is
 * locked stays open: its next probe shows it.
 */
export async function resetCircuits(pg: Queries, eventIds: string[]): Promise<void> {
  if (eventIds.length === 0) return;
  await pg`
    update knockon.endpoints
      set failures = 0, failing_since = null, probe_at = null, failing_cause = null
    where id = any(array(
      select id from knockon.endpoints where failures > 0 and id in (
        select endpoint_id from knockon.deliveries where event_id = any(${eventIds}::uuid[])
          and state <> 'delivered'
      ) for no key update skip locked
    ))`;
}
