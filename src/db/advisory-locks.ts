import { createHash } from 'node:crypto';
import type { TransactionSql } from 'postgres';
import { OWN_SCHEMA } from './own-schema.ts';

/**
 * The key of the advisory lock with that name: 64 bits of the hash of the schema's name and its
 * own, as a decimal for `bigint`. All locks of Knock-on belong to a transaction, because a pooler
 * may share the session.
 */
export const lockKey = (name: string): string =>
  createHash('sha256').update(`${OWN_SCHEMA} ${name}`).digest().readBigInt64BE().toString();

/**
 * Waits until the transaction holds the lock with that name. It holds it until it ends.
 *
 * @throws Postgres' 55P03 after the transaction's `lock_timeout`
 */
export async function waitForLock(tx: TransactionSql, name: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(${lockKey(name)}::bigint)`;
}

/** Takes the lock with that name if it is free. @returns whether the transaction holds it now */
export async function takeLock(tx: TransactionSql, name: string): Promise<boolean> {
  const [lock] = await tx<{ taken: boolean }[]>`
    select pg_try_advisory_xact_lock(${lockKey(name)}::bigint) as taken`;
  return lock?.taken ?? false;
}
