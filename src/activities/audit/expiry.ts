import { createHmac } from 'node:crypto';
import type { TransactionSql } from 'postgres';

/**
 * Notes up to which id events may have been deleted because they are old. Under the chains' key:
 * who can only write the database can't pass off what was deleted for what has expired.
 */
export function noteExpiry(key: Buffer) {
  return async (tx: TransactionSql, before: string): Promise<void> => {
    await tx`
      insert into expirations as e (log, before, mac) values ('events', ${before}, ${macOf(key, before)})
      on conflict (log) do update set before = excluded.before, mac = excluded.mac where e.before < excluded.before`;
  };
}

/** What is noted of expired events; null where nothing is. */
export interface Expiry {
  before: string | null;
  mac: Buffer | null;
}

/**
 * Events with a smaller id may be gone; null: none may. What was noted under another key counts for
 * nothing.
 */
export function expiryOf(key: Buffer, noted: Expiry | undefined): string | null {
  if (!noted?.before || !noted.mac) return null;
  return macOf(key, noted.before).equals(noted.mac) ? noted.before : null;
}

const macOf = (key: Buffer, before: string) =>
  createHmac('sha256', key).update(`events expired before\n${before}\n`).digest();
