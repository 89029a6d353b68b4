import type { TransactionSql } from 'postgres';
import { NIL_UUID } from '../../db/statements.ts';
import { isClaimUnderWay } from '../../outbox/claims-under-way.ts';
import { type EventEffect, effectStatuses } from '../status/effect-status.ts';
import { dispatchPage, type OperationHandler } from './handler.ts';
import type { Redispatched } from './redispatch.ts';
import { cursorOf, type LogRange, matching, readCursor, scan } from './scan.ts';

/** What a backfill is asked for. */
interface BackfillInput {
  subscriber: string;
  /** RFC 3339; default: from the beginning of the log. */
  from?: string;
  /** Set where the subscriber is ordered: how many events one call takes. */
  ordered?: number;
}

const inputOf = (
  input: Record<string, unknown>,
): { subscriber: string; filter: LogRange; ordered?: number } => {
  const { subscriber, from, ordered } = input as unknown as BackfillInput;
  return { subscriber, filter: from ? { from } : {}, ordered };
};

/**
 * The first of them that are of one type: one dispatch, and where they are no more than a batch one
 * call, which keeps their order.
 */
function oneCall(pairs: EventEffect[], batch: number): EventEffect[] {
  const end = pairs.findIndex(({ type }, place) => place === batch || type !== pairs[0]?.type);
  return end === -1 ? pairs : pairs.slice(0, end);
}

/** Whether an event may be claimed by somebody who does not know the subscriber. */
async function isUnknown(tx: TransactionSql, registered: Date): Promise<boolean> {
  const moment = tx`${registered.toISOString()}::timestamptz`;
  const [row] = await tx<{ unknown: boolean }[]>`
    select ${isClaimUnderWay(tx, moment)} as unknown`;
  return row?.unknown ?? false;
}

const first = (pair: EventEffect): Redispatched => ({ ...pair, purpose: 'first' });

/**
 * Dispatches to a subscriber what was dispatched before it was registered. What is dispatched since
 * comes by itself, and is not taken: no double. An event that waits for its first dispatch while it
 * is looked at may be in the hands of a dispatcher who does not know the subscriber yet, so it is
 * looked at once more: no gap.
 */
export const backfill: OperationHandler = {
  async count({ pg }, { input }) {
    const { subscriber, filter } = inputOf(input);
    const [row] = await pg<{ n: number }[]>`
      select count(*)::int as n from (${effectStatuses(pg, matching(pg, filter), subscriber)}) p
        where status = 'never'`;
    return row?.n ?? 0;
  },

  step: (deps, operation, limit) =>
    dispatchPage(deps, operation, async (tx, cursor) => {
      const { subscriber, filter, ordered } = inputOf(operation.input);
      const place = readCursor(cursor);
      // Asked first: what is claimed for others is committed before the events are looked at.
      const mayBeUnknown = await isUnknown(tx, operation.created_at);
      const { pairs, last, isLast } = await scan(tx, filter, {
        subscriber,
        after: place.after,
        limit,
      });
      const isUnsure = mayBeUnknown && pairs.some(({ status }) => status === 'waiting');
      const again = place.again ?? (isUnsure ? (place.after ?? NIL_UUID) : undefined);
      const wanted = pairs.filter(({ status }) => status === 'never');
      const send = ordered === undefined ? wanted : oneCall(wanted, ordered);
      if (send.length < wanted.length)
        return {
          send: send.map(first),
          skipped: 0,
          cursor: cursorOf({ after: send.at(-1)?.event_id, again }),
          exhausted: false,
        };
      const goBack = isLast && again !== undefined;
      return {
        send: send.map(first),
        skipped: 0,
        cursor: goBack
          ? cursorOf({ after: again })
          : cursorOf({ after: last ?? place.after, again }),
        exhausted: isLast && !goBack,
        pause: goBack,
      };
    }),
};
