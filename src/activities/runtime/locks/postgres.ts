import { sql } from 'drizzle-orm';
import { lockKey } from '../../../db/advisory-locks.ts';
import type { Database, Transaction } from '../../../db/client.ts';
import { holdLeases } from './leases.ts';
import { type LockRequest, type Locks, Releases } from './lock.ts';

/**
 * Advisory locks that live as long as the transaction that writes: who has lost its lock has lost
 * its transaction too. Postgres notices at once when a holder's process dies, and ends the
 * transaction of one that stays silent for `idleMs`. Where others are asked meanwhile they are
 * leases, and no transaction is open.
 */
export function postgresLocks(db: Database['db']): Locks {
  const releases = new Releases();
  return {
    async hold(request, work) {
      let keys: string[] = [];
      try {
        if (request.asksOthers)
          return await holdLeases(db, request, async (held) => {
            keys = held.keys;
            return await work(held);
          });
        return await db.transaction(async (tx) => {
          keys = await takeFree(tx, request);
          return await work({ keys, transaction: (write) => write(tx) });
        });
      } finally {
        releases.announce(request.owner, keys);
      }
    },
    freed: ({ owner, keys }, atMostMs) => releases.wait(owner, keys, atMostMs),
    close: async () => {},
  };
}

async function takeFree(
  tx: Transaction,
  { owner, keys, statementMs, idleMs }: LockRequest,
): Promise<string[]> {
  const locks = keys.map((key) => lockKey(`${owner} ${key}`));
  const [row] = await tx.execute<{ free: string[] }>(sql`
    select set_config('statement_timeout', ${String(Math.ceil(statementMs))}, true),
      set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(idleMs))}, true),
      array(
        select key
        from unnest(${sql.param(keys)}::text[], ${sql.param(locks)}::bigint[]) as t (key, lock)
        where pg_try_advisory_xact_lock(lock)
      ) as free`);
  return row?.free ?? [];
}
