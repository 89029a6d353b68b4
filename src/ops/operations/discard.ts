import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { emitOwn } from '../../outbox/emit.ts';
import { recordAction } from '../access/action-log.ts';
import { type DeadLetterSelection, deadLetters } from '../inspect/dead-letters.ts';
import { isRetried } from '../status/effect-status.ts';
import { counted } from '../wording.ts';

/** Effects that are given up in one transaction. */
const BATCH = 200;

/** An effect that is given up. */
export interface EffectToClose {
  event_id: string;
  subscriber: string;
  cause: string;
  workspace_id: string;
}

/**
 * Gives up on the effects of these dead letters for good: a receipt closes them, so that nothing
 * brings them about, and `discards` says that it was a decision. Each is an event of its workspace
 * (`effect.discarded`), and so part of its audit chain. What somebody is trying again at this
 * moment is left alone.
 *
 * @returns how many effects
 */
export async function discard(
  database: Database,
  letters: DeadLetterSelection,
  by: string,
  reason: string,
): Promise<number> {
  let total = 0;
  let isMore = true;
  while (isMore) {
    const { chosen, closed } = await discardSome(database, letters, by, reason);
    isMore = chosen === BATCH;
    total += closed;
  }
  await recordAction(database.db, {
    by,
    verb: 'discard',
    subject: counted(total, 'effect'),
    detail: { ...letters, effects: total },
    reason,
  });
  return total;
}

async function discardSome(
  { pg, db }: Database,
  letters: DeadLetterSelection,
  by: string,
  reason: string,
): Promise<{ chosen: number; closed: number }> {
  const chosen = await pg<EffectToClose[]>`
    select l.event_id, l.subscriber, min(l.cause) as cause, e.workspace_id
      from knockon.dead_letters l
      join knockon.events e on e.id = l.event_id
    where ${deadLetters(pg, letters)} and not ${isRetried(pg)} group by l.event_id, l.subscriber,
      e.workspace_id limit ${BATCH}`;
  if (chosen.length === 0) return { chosen: 0, closed: 0 };
  const closed = await db.transaction(async (tx) => {
    // Somebody else may discard the same: whose receipt it is tells of it.
    const own = await closeEffects(tx, chosen, by, reason);
    await emitDiscards(tx, own, by, reason);
    return own.length;
  });
  return { chosen: chosen.length, closed };
}

/** Each is an event of its workspace. */
export async function emitDiscards(
  tx: Transaction,
  given: EffectToClose[],
  by: string,
  reason: string,
): Promise<void> {
  for (const { event_id, subscriber, cause, workspace_id } of given)
    await emitOwn(tx, {
      type: 'effect.discarded',
      workspaceId: workspace_id,
      payload: { event_id, subscriber, cause, by, reason },
    });
}

/**
 * Closes effects that won't happen, by a receipt. @returns those that had none: the others have
 * happened meanwhile
 */
export async function closeEffects(
  tx: Transaction,
  given: EffectToClose[],
  by: string,
  reason: string,
): Promise<EffectToClose[]> {
  const column = (pick: (one: EffectToClose) => string) => sql.param(given.map(pick));
  const closed = await tx.execute<{ event_id: string; subscriber: string }>(sql`
    with given as (
      select * from unnest(${column((g) => g.event_id)}::uuid[],
        ${column((g) => g.subscriber)}::text[], ${column((g) => g.cause)}::text[])
        as t (event_id, subscriber, cause)
    ), closed as (
      insert into knockon.receipts (event_id, subscriber) select event_id, subscriber from given
        order by event_id on conflict do nothing
      returning event_id, subscriber
    ), noted as (
      insert into knockon.discards (event_id, subscriber, by, reason, cause)
      select event_id, subscriber, ${by}, ${reason}, cause from given
        join closed using (event_id, subscriber) on conflict do nothing
    ), answered as (
      delete from knockon.dead_letters l using given g where l.event_id = g.event_id
        and l.subscriber = g.subscriber
    )
    select event_id, subscriber from closed`);
  const isClosed = new Set(closed.map(({ event_id, subscriber }) => `${event_id} ${subscriber}`));
  return given.filter(({ event_id, subscriber }) => isClosed.has(`${event_id} ${subscriber}`));
}
