import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import { FencedOffError, type HeldLocks, type LockRequest, limitStatements } from './lock.ts';

/** What a lease lives without being renewed, in ms: so soon a holder that has died is replaced. */
const LEASE = 10_000;

/**
 * Locks that are rows of Postgres, for effects that ask somebody else while they hold them: no
 * connection is kept meanwhile. A lease can run out unnoticed, so its holder writes only while the
 * row still names it.
 *
 * @param leaseMs for tests
 */
export async function holdLeases<T>(
  db: Database['db'],
  request: LockRequest,
  work: (held: HeldLocks) => Promise<T>,
  leaseMs = LEASE,
): Promise<T> {
  const holder = randomUUID();
  const keys = await take(db, request, holder, leaseMs);
  const renewal = setInterval(() => void renew(db, holder, leaseMs).catch(() => {}), leaseMs / 3);
  try {
    return await work({
      keys,
      transaction: (write) =>
        db.transaction(async (tx) => {
          await limitStatements(tx, request);
          const result = await write(tx);
          await holdRows(tx, holder, keys.length);
          return result;
        }),
    });
  } finally {
    clearInterval(renewal);
    // If this fails, they run out.
    await giveBack(db, holder).catch(() => {});
  }
}

const inMs = (ms: number) => sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`;

/** @returns those of the keys that were free */
async function take(
  db: Database['db'],
  { owner, keys }: LockRequest,
  holder: string,
  leaseMs: number,
): Promise<string[]> {
  if (keys.length === 0) return [];
  const rows = await db.execute<{ key: string }>(sql`
    insert into knockon.leases as l (subscriber, key, holder, until)
      select ${owner}, key, ${holder}::uuid, ${inMs(leaseMs)}
      from unnest(${sql.param(keys)}::uuid[]) as t (key) order by key
    on conflict (subscriber, key) do update
      set holder = excluded.holder, until = excluded.until where l.until < clock_timestamp()
    returning key`);
  return rows.map(({ key }) => key);
}

const renew = (db: Database['db'], holder: string, leaseMs: number) =>
  db.execute(sql`update knockon.leases set until = ${inMs(leaseMs)} where holder = ${holder}`);

const giveBack = (db: Database['db'], holder: string) =>
  db.execute(sql`delete from knockon.leases where holder = ${holder}`);

/** The last thing a transaction does: from here to its commit nobody else can take them. */
async function holdRows(tx: Transaction, holder: string, many: number): Promise<void> {
  const rows = await tx.execute(
    sql`select key from knockon.leases where holder = ${holder} order by key for share`,
  );
  if (rows.length < many)
    throw new FencedOffError(
      'the lease ran out, and another worker has the lock: nothing was written',
    );
}
