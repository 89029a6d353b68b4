import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../db/client.ts';
import { isLockTimeout } from '../db/errors.ts';

/**
 * Longest that a transaction waits for a lock while it holds a connection, and longest in all, in
 * ms.
 */
const LOCK = { held: 100, inAll: 2000 };

/**
 * Runs a change of a message in a transaction. Where another transaction holds its channel, it is
 * begun again for two seconds and holds no connection between: many changes in one such channel
 * leave connections for everybody else.
 *
 * @throws Postgres' 55P03 where the channel stays held
 */
export async function changing<T>(
  { db }: Database,
  change: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const until = performance.now() + LOCK.inAll;
  for (;;) {
    try {
      return await db.transaction(async (tx) => {
        await tx.execute(sql.raw(`set local lock_timeout = ${LOCK.held}`));
        return await change(tx);
      });
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() > until) throw error;
      await wait(LOCK.held * (1 + Math.random()));
    }
  }
}
