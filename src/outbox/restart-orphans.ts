import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { Dispatch } from '../transport/dispatch.ts';
import type { DispatchRef, Recovery } from '../transport/transport.ts';
import { origin, specs } from './claim.ts';
import { type MissingEffect, missingEffectsOf } from './ledger.ts';
import { markSettled } from './mark-settled.ts';
import { findOrphans } from './orphans.ts';

export interface RestartOptions {
  pg: Sql;
  recovery: Recovery;
  /**
   * A dispatch is left alone until nobody has started it, or anything of it, for so long, in ms.
   */
  ageMs: number;
  log: Pick<Logger, 'warn'>;
}

/**
 * Restarts missing effects: those that are neither done nor dead, of dispatches that are not
 * running. Their workflow was terminated or lost with its server, or it is over and a receipt is
 * gone.
 *
 * The restart comes first and its mark second, under an id that follows from the mark: a crash
 * between them, or two processes at once, start the same one. Receipts keep what is done from being
 * done again.
 *
 * @returns how many effects were started again
 * @throws where Postgres or the transport is away
 */
export async function restartOrphans({
  pg,
  recovery,
  ageMs,
  log,
}: RestartOptions): Promise<number> {
  await markSettled(pg);
  let restarted = 0;
  for (const dispatch of await findOrphans(pg, recovery.running, ageMs))
    restarted += await restart(pg, recovery, dispatch, log);
  return restarted;
}

async function restart(
  pg: Sql,
  recovery: Recovery,
  { id, restarts }: DispatchRef,
  log: RestartOptions['log'],
): Promise<number> {
  const missing = await missingEffectsOf(pg, [id], 1_000_000);
  const names = [...new Set(missing.map((effect) => effect.subscriber))];
  const [dispatch] = await pg<Pick<Dispatch, 'type' | 'size' | 'origin' | 'subscribers'>[]>`
    select d.type, d.size, ${origin(pg)} as origin,
      ${specs(pg, pg`${names}::text[]`)} as subscribers
    from knockon.dispatches d where d.id = ${id}`;
  // Those that have been removed since can't be called: their effects stay missing, and the ledger
  // says so.
  if (!dispatch || dispatch.subscribers.length === 0) return 0;
  const events = Object.fromEntries(
    dispatch.subscribers.map(({ name }) => [name, eventsOf(missing, name)]),
  );
  await recovery.restart({ id, ...dispatch }, events, restarts + 1);
  await pg`update knockon.dispatches set restarts = ${restarts + 1}, restarted_at = now()
    where id = ${id}
    and restarts = ${restarts}`;
  const counts = Object.fromEntries(
    Object.entries(events).map(([name, ids]) => [name, ids.length]),
  );
  log.warn(
    { dispatch: id, restart: restarts + 1, effects: counts },
    'starting effects again that were missing',
  );
  return Object.values(counts).reduce((n, count) => n + count, 0);
}

const eventsOf = (missing: MissingEffect[], subscriber: string) =>
  missing.filter((effect) => effect.subscriber === subscriber).map((effect) => effect.event_id);
