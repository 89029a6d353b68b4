import { sql as part, type SQL } from 'drizzle-orm';
import type { Database } from '../db/client.ts';
import { emit } from '../outbox/emit.ts';
import { deadLetters, type Letters } from './dead-letters.ts';
import { recordOperation } from './log.ts';
import { isRetried } from './standing.ts';

/** Effects that are given up in one transaction. */
const BATCH = 200;

interface Given {
  event_id: string;
  subscriber: string;
  cause: string;
  workspace_id: string;
}

/**
 * Gives up on the effects of these dead letters for good: a receipt closes them, so that nothing brings them about, and `discards`
 * says that it was a decision. Each is an event of its workspace (`effect.discarded`), and so part of its audit chain. What
 * somebody is trying again at this moment is left alone.
 *
 * @returns how many effects
 */
export async function discard(database: Database, letters: Letters, by: string, reason: string): Promise<number> {
  let total = 0;
  for (let given = BATCH; given === BATCH; total += given) given = await discardSome(database, letters, by, reason);
  await recordOperation(database.db, { by, verb: 'discard', subject: `${total} effects`, detail: { ...letters, effects: total }, reason });
  return total;
}

async function discardSome({ sql, db }: Database, letters: Letters, by: string, reason: string): Promise<number> {
  const chosen = await sql<Given[]>`
    select l.event_id, l.subscriber, min(l.cause) as cause, e.workspace_id from dead_letters l join events e on e.id = l.event_id
    where ${deadLetters(sql, letters)} and not ${isRetried(sql)} group by l.event_id, l.subscriber, e.workspace_id limit ${BATCH}`;
  if (chosen.length === 0) return 0;
  await db.transaction(async (tx) => {
    for (const { event_id, subscriber, cause, workspace_id } of chosen)
      await emit(tx, { type: 'effect.discarded', workspaceId: workspace_id, payload: { event_id, subscriber, cause, by, reason } });
    await tx.execute(close(chosen, by, reason));
  });
  return chosen.length;
}

function close(given: Given[], by: string, reason: string): SQL {
  const column = (pick: (one: Given) => string) => part.param(given.map(pick));
  return part`
    with given as (
      select * from unnest(${column((g) => g.event_id)}::uuid[], ${column((g) => g.subscriber)}::text[], ${column((g) => g.cause)}::text[])
        as t (event_id, subscriber, cause)
    ), noted as (
      insert into discards (event_id, subscriber, by, reason, cause) select event_id, subscriber, ${by}, ${reason}, cause from given
      on conflict do nothing
    ), closed as (
      insert into receipts (event_id, subscriber) select event_id, subscriber from given order by event_id on conflict do nothing
    )
    delete from dead_letters l using given g where l.event_id = g.event_id and l.subscriber = g.subscriber`;
}
