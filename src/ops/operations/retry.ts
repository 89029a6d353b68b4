import { NIL_UUID } from '../../db/statements.ts';
import { type DeadLetterSelection, deadLetters } from '../inspect/dead-letters.ts';
import { isRetried, type Queries } from '../status/effect-status.ts';
import { dispatchPage, type OperationHandler } from './handler.ts';
import { type Redispatched, resetCircuits } from './redispatch.ts';

/**
 * Letters that an operation is for: those that were there when it was made, and that nobody else is
 * trying again. `lateral … offset 0` has each letter's event looked up by the index, whatever the
 * planner believes.
 */
const chosen = (pg: Queries, operationId: string, input: Record<string, unknown>) => pg`
  knockon.dead_letters l cross join lateral (select * from knockon.events
    where id = l.event_id offset 0) e
  where ${deadLetters(pg, input as DeadLetterSelection)} and not ${isRetried(pg)}
    and l.created_at <= (select created_at from knockon.operations where id = ${operationId})
    and l.subscriber = any(array(select name from knockon.subscribers where retired_at is null))`;

/**
 * Tries dead letters again, with the subscriber's policy from its beginning. What is done of an
 * event (an endpoint that took it) is not done again. A letter goes away once its event is done,
 * and is written anew where that fails.
 */
export const retry: OperationHandler = {
  async count({ pg }, { id, input }) {
    const [row] = await pg<{ events: number }[]>`
      select count(*)::int as events from (select distinct l.event_id, l.subscriber
        from ${chosen(pg, id, input)}) of_them`;
    return row?.events ?? 0;
  },

  step: (deps, operation, limit) =>
    dispatchPage(deps, operation, async (tx, cursor) => {
      const rows = await tx<(Redispatched & { id: string })[]>`
        select l.id, l.event_id, l.subscriber, e.type, e.workspace_id, e.channel_id,
          'retry' as purpose
        from ${chosen(tx, operation.id, operation.input)}
          and l.id > ${String(cursor?.after ?? NIL_UUID)}
        order by l.id limit ${limit} for update of l`;
      // An event with several targets may have a letter for each.
      await resetCircuits(
        tx,
        rows.map((row) => row.event_id),
      );
      const events = new Map(rows.map((row) => [`${row.event_id} ${row.subscriber}`, row]));
      return {
        send: [...events.values()],
        skipped: 0,
        cursor: { after: rows.at(-1)?.id ?? String(cursor?.after ?? '') },
        exhausted: rows.length < limit,
      };
    }),
};
