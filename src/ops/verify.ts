import type { Sql } from 'postgres';
import { type Account, accounts, openItems, undispatched } from '../outbox/ledger.ts';

export interface SubscriberBalance extends Omit<Account, 'open'> {
  /** Open, and its workflow is running. */
  in_flight: number;
  /** Open, and nothing is at work on it: lost, unless somebody acts. */
  missing: number;
  /** Age of the oldest event that is open. */
  oldest_seconds: number | null;
}

export interface Balance {
  /** True where nothing is missing. */
  balanced: boolean;
  subscribers: SubscriberBalance[];
  undispatched: { count: number; oldest_seconds: number | null };
}

/**
 * Holds what was promised against what has happened: `expected − done − dead − in flight = missing`, which is 0.
 *
 * @param isRunning whether a dispatch's workflow is running; without it everything open counts as in flight
 */
export async function verifyLedger(sql: Sql, isRunning: (dispatchId: string) => Promise<boolean> = async () => true): Promise<Balance> {
  const waiting = await undispatched(sql);
  const items = await openItems(sql);
  const running = new Map<string, boolean>();
  for (const { dispatch_id } of items) if (!running.has(dispatch_id)) running.set(dispatch_id, await isRunning(dispatch_id));
  // Read after the questions: what was done meanwhile is not missing.
  const books = await accounts(sql);
  const subscribers = books.map(({ open, ...account }) => {
    const own = items.filter((item) => item.name === account.name);
    const lost = own.filter((item) => !running.get(item.dispatch_id)).reduce((n, item) => n + item.events, 0);
    const missing = Math.min(lost, open);
    return { ...account, in_flight: open - missing, missing, oldest_seconds: own[0]?.age_seconds ?? null };
  });
  return { balanced: subscribers.every((subscriber) => subscriber.missing === 0), subscribers, undispatched: waiting };
}
