import type { Sql } from 'postgres';
import {
  type Account,
  accounts,
  type MissingEffect,
  missingEffectsOf,
  undispatched,
} from '../../outbox/ledger.ts';
import { markSettled, reopenUnsettled } from '../../outbox/mark-settled.ts';
import { findOrphans } from '../../outbox/orphans.ts';
import type { Recovery } from '../../transport/transport.ts';
import { inAll, type ScheduledCount, scheduledByType } from '../scheduled-events.ts';

export interface Balance {
  /** True where nothing is missing. */
  balanced: boolean;
  /** The ledger of each subscriber, since the beginning. */
  subscribers: Account[];
  /** What is missing, the oldest of it first, {@link SHOWN} at most. */
  missing: MissingEffect[];
  /** Events that are committed and have not reached the transport. */
  undispatched: { count: number; oldest_seconds: number | null };
  /** Events that are for later: no account has them yet. */
  scheduled: ScheduledCount;
  /**
   * False if the transport did not answer what is running. Then all open effects count as in
   * flight.
   */
  asked: boolean;
}

export interface VerifyOptions {
  /** Asks the transport; without it all that is open counts as in flight. */
  running?: Recovery['running'];
  /**
   * Whether to read the whole history again instead of what has not been found settled. Default:
   * no.
   */
  full?: boolean;
}

/** How many missing effects are named one by one. */
const SHOWN = 100;

/**
 * Counts every effect and checks that what was expected is done, dead or open: `expected − done −
 * dead − in flight − missing = 0`. Where nothing is missing the ledger is balanced.
 */
export async function verifyLedger(
  pg: Sql,
  { running, full = false }: VerifyOptions = {},
): Promise<Balance> {
  if (full) await reopenUnsettled(pg);
  await markSettled(pg);
  const found = running && (await findOrphans(pg, running).catch(() => null));
  const lost = (found ?? []).map(({ id }) => id);
  // Read after the question: what was done meanwhile is not missing.
  const subscribers = await accounts(pg, lost);
  const missing = await missingEffectsOf(pg, lost, SHOWN);
  const waiting = await undispatched(pg);
  const balanced = subscribers.every((subscriber) => subscriber.missing === 0);
  return {
    balanced,
    subscribers,
    missing,
    undispatched: waiting,
    scheduled: inAll(await scheduledByType(pg)),
    asked: running !== undefined && found !== null,
  };
}
