import { createHmac } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { TransactionSql } from 'postgres';
import type { Transaction } from '../../db/client.ts';

/**
 * Notes up to which id events may have been deleted because they are old. Under the chains' key: who can only write the database
 * can't pass off what was deleted for what has expired.
 */
export function noteExpiry(key: Buffer) {
  return async (tx: TransactionSql, before: string): Promise<void> => {
    await tx`
      insert into expirations as e (log, before, mac) values ('events', ${before}, ${macOf(key, before)})
      on conflict (log) do update set before = excluded.before, mac = excluded.mac where e.before < excluded.before`;
  };
}

/** Events with a smaller id may be gone; null: none may. */
export async function readExpiry(tx: Transaction, key: Buffer): Promise<string | null> {
  const [row] = await tx.execute<{ before: string; mac: Buffer }>(sql`select before, mac from expirations where log = 'events'`);
  return row && macOf(key, row.before).equals(row.mac) ? row.before : null;
}

const macOf = (key: Buffer, before: string) => createHmac('sha256', key).update(`events expired before\n${before}\n`).digest();
