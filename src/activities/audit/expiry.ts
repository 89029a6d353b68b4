import { createHmac } from 'node:crypto';
import type { TransactionSql } from 'postgres';

/**
 * Notes that events with a smaller id may have been deleted for their age. The note is signed with
 * the chains' key. So write access to the database is not enough to pass off a deletion as expiry.
 */
export function noteExpiry(key: Buffer) {
  return async (tx: TransactionSql, before: string): Promise<void> => {
    await tx`
      insert into knockon.expirations as e (log, before, mac)
      values ('events', ${before}, ${macOf(key, before)})
      on conflict (log) do update set before = excluded.before, mac = excluded.mac
      where e.before < excluded.before`;
  };
}

/** The note of expired events; both null if there is none. */
export interface Expiry {
  before: string | null;
  mac: Buffer | null;
}

/** Events with a smaller id may be gone; null: none may. A note under another key is ignored. */
export function expiryOf(key: Buffer, noted: Expiry | undefined): string | null {
  if (!noted?.before || !noted.mac) return null;
  return macOf(key, noted.before).equals(noted.mac) ? noted.before : null;
}

const macOf = (key: Buffer, before: string) =>
  createHmac('sha256', key).update(`events expired before\n${before}\n`).digest();
