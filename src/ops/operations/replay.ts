import { NIL_UUID } from '../../db/statements.ts';
import {
  type EffectStatus,
  type EventEffect,
  effectStatuses,
  type Queries,
} from '../status/effect-status.ts';
import { counted } from '../wording.ts';
import { dispatchPage, type OperationHandler } from './handler.ts';
import { type Redispatched, resetCircuits } from './redispatch.ts';
import { cursorOf, type LogRange, matching, readCursor, scan } from './scan.ts';

/** What a replay is asked for. */
export interface ReplayInput extends LogRange {
  /** Only this one's effects, and then also where the events were never dispatched to it. */
  subscriber?: string;
  /**
   * Does again also what calls the outside: webhooks that were answered 2xx are sent once more,
   * under the same id.
   */
  force?: boolean;
}

/** What a replay does about an event and a subscriber; null: nothing. */
function purposeOf(
  { status, again }: EventEffect,
  { subscriber, force }: ReplayInput,
): Redispatched['purpose'] | null {
  if (status === 'dead') return 'retry';
  if (status === 'never') return subscriber === undefined ? null : 'first';
  if (status !== 'done' && status !== 'expired') return null;
  return again === 'freely' || (again === 'asked' && force) ? 'again' : null;
}

/**
 * Runs effects again for events of the log. What is dead is tried again; what is done is done again
 * where that comes to the same (`again: 'freely'`), and where the operator insists also what calls
 * the outside. What counts, and what is ordered, never is.
 */
export const replay: OperationHandler = {
  async count({ pg }, { id, input }) {
    const { subscriber, ...filter } = input as ReplayInput;
    const upTo = await fixEnd(pg, id);
    const [row] = await pg<{ n: number }[]>`
      select count(*)::int as n from (${matching(pg, { ...filter, upTo })}) e
      join knockon.subscribers s on s.event_types && knockon.wanted_as(e.type)
        and s.retired_at is null
        and (${subscriber ?? null}::text is null or s.name = ${subscriber ?? null})`;
    return row?.n ?? 0;
  },

  step: (deps, operation, limit) =>
    dispatchPage(deps, operation, async (tx, cursor) => {
      const input = operation.input as ReplayInput;
      const { after, upTo } = readCursor(cursor);
      const { pairs, last, isLast } = await scan(
        tx,
        { ...input, upTo },
        { subscriber: input.subscriber ?? null, after, limit },
      );
      const send = pairs.flatMap((pair) => {
        const purpose = purposeOf(pair, input);
        return purpose ? [{ ...pair, purpose }] : [];
      });
      const webhooks = send.filter(({ subscriber }) => subscriber === 'webhooks');
      const resent = webhooks.filter(({ purpose }) => purpose === 'again');
      if (resent.length > 0) await openDeliveries(tx, resent);
      await resetCircuits(
        tx,
        webhooks.map(({ event_id }) => event_id),
      );
      return {
        send,
        skipped: pairs.length - send.length,
        cursor: cursorOf({ after: last ?? after, upTo }),
        exhausted: isLast,
      };
    }),
};

/**
 * Has an operation end at the last event that is there now. Not at a moment: an event has the time
 * of the machine that took it.
 *
 * @returns the event's id
 */
async function fixEnd(pg: Queries, operationId: string): Promise<string | undefined> {
  const [row] = await pg<{ up_to: string }[]>`
    update knockon.operations set cursor = coalesce(cursor, jsonb_build_object('upTo',
      coalesce((select id from knockon.events order by id desc limit 1), ${NIL_UUID})))
    where id = ${operationId} returning cursor->>'upTo' as up_to`;
  return row?.up_to;
}

/** A delivery is the receipt of one webhook: only one that is open is sent. */
async function openDeliveries(tx: Queries, events: { event_id: string }[]): Promise<void> {
  await tx`
    update knockon.deliveries set state = 'pending'
      where event_id = any(${events.map((event) => event.event_id)}::uuid[])`;
}

/** What a replay would do. */
export interface ReplayPlan {
  events: number;
  subscribers: {
    name: string;
    /** Effects that it would bring about: again, once more, or for the first time. */
    runs: number;
    /** Of these, dead letters that it would try again. */
    retries: number;
    /** Done, and left as it is. */
    skipped: number;
    /** Under way, or not dispatched yet: left alone. */
    in_flight: number;
    /** Never dispatched to it, and left so: a backfill's work. */
    never: number;
    again: EventEffect['again'];
  }[];
  /** Webhooks that were answered 2xx: skipped, or sent again where the operator insists. */
  webhooks_answered: number;
}

/** A plan in a sentence. */
export function explainPlan(
  { events, subscribers, webhooks_answered }: ReplayPlan,
  force: boolean,
): string {
  const webhooks =
    `${counted(webhooks_answered, 'webhook')} already answered 2xx: ` +
    `${force ? 'sent again' : 'skipped'}`;
  const known = `${counted(events, 'event')}, ${counted(subscribers.length, 'subscriber')}`;
  return webhooks_answered > 0 ? `${known}, ${webhooks}` : known;
}

interface Counted extends Pick<EventEffect, 'again'> {
  subscriber: string;
  status: EffectStatus;
  n: number;
}

/** Counts what a replay would do, and does nothing. */
export async function planReplay(pg: Queries, input: ReplayInput): Promise<ReplayPlan> {
  const { subscriber, ...filter } = input;
  const rows = await pg<Counted[]>`
    select subscriber, again, status, count(*)::int as n
      from (${effectStatuses(pg, matching(pg, filter), subscriber ?? null)}) p
    group by subscriber, again, status order by subscriber collate "C"`;
  const [row] = await pg<{ events: number; answered: number }[]>`
    with found as materialized (${matching(pg, filter)})
    select (select count(*) from found)::int as events,
      (select count(*) from knockon.deliveries d where d.state = 'delivered'
        and d.event_id in (select id from found))::int as answered`;
  const names = [...new Set(rows.map((row) => row.subscriber))];
  const isAsked = subscriber === undefined || subscriber === 'webhooks';
  return {
    events: row?.events ?? 0,
    subscribers: names.map((name) =>
      planOf(
        name,
        rows.filter((row) => row.subscriber === name),
        input,
      ),
    ),
    webhooks_answered: isAsked ? (row?.answered ?? 0) : 0,
  };
}

function planOf(
  name: string,
  counts: Counted[],
  input: ReplayInput,
): ReplayPlan['subscribers'][number] {
  const sum = (pick: (count: Counted) => boolean) =>
    counts.filter(pick).reduce((n, count) => n + count.n, 0);
  const runs = (count: Counted) => purposeOf({ ...nobody, ...count }, input) !== null;
  return {
    name,
    again: counts[0]?.again ?? 'never',
    runs: sum(runs),
    retries: sum(({ status }) => status === 'dead'),
    skipped: sum(
      (count) => !runs(count) && (count.status === 'done' || count.status === 'expired'),
    ),
    in_flight: sum(({ status }) => status === 'in_flight' || status === 'waiting'),
    never: sum((count) => !runs(count) && count.status === 'never'),
  };
}

const nobody = { event_id: '', type: '', workspace_id: '', channel_id: null };
