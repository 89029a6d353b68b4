import { sql } from 'drizzle-orm';
import type { Transaction } from '../../../db/client.ts';

/** Whose locks, on what. */
export interface LockRequest {
  /** The effect's name: effects don't get in each other's way. */
  owner: string;
  /** UUIDs: of sequences, of workspaces. */
  keys: string[];
  /** Longest a statement may take, in ms. */
  statementMs: number;
  /** Longest a transaction may lie idle before its holder counts as gone, in ms. */
  idleMs: number;
  /** Somebody else is asked while they are held: no transaction may be open meanwhile. */
  asksOthers?: boolean;
}

/** What a call got hold of. */
export interface HeldLocks {
  /** Those of the keys that were free, perhaps none. */
  keys: string[];
  /**
   * Runs `work` in a transaction that is committed only while every key is still held. @throws
   * FencedOffError
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

/** Locks on the sequences or workspaces of an effect. */
export interface Locks {
  /**
   * Takes those of the keys that are free and waits for none, so nobody waits for each other; gives
   * them back when `work` has ended, however it did. A holder that dies loses them within seconds.
   */
  hold<T>(request: LockRequest, work: (held: HeldLocks) => Promise<T>): Promise<T>;
  /**
   * Until one of these keys was given back in this process, at most so long: others may have given
   * it back meanwhile.
   */
  freed(request: Pick<LockRequest, 'owner' | 'keys'>, atMostMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Keys held at once. Postgres has room for some thousands of locks in all. */
const KEYS_AT_ONCE = 200;

/**
 * Runs `work` with those of the keys that are free, some hundreds at a time.
 *
 * @returns the keys that were not free
 */
export async function holdFree(
  locks: Locks,
  request: LockRequest,
  work: (held: HeldLocks) => Promise<void>,
): Promise<string[]> {
  const busy: string[] = [];
  for (let i = 0; i < request.keys.length; i += KEYS_AT_ONCE) {
    const keys = request.keys.slice(i, i + KEYS_AT_ONCE);
    const free = await locks.hold({ ...request, keys }, async (held) => {
      if (held.keys.length > 0) await work(held);
      return new Set(held.keys);
    });
    busy.push(...keys.filter((key) => !free.has(key)));
  }
  return busy;
}

/**
 * Thrown by a holder's transaction where somebody else has the lock by now; nothing of it is kept.
 */
export class FencedOffError extends Error {
  override name = 'FencedOffError';
}

/** Thrown where the locks can't be reached; the same call may pass later. */
export class LocksAwayError extends Error {
  override name = 'LocksAwayError';
}

/** Ends a holder's statements and transactions that take too long. */
export async function limitStatements(
  tx: Transaction,
  { statementMs, idleMs }: LockRequest,
): Promise<void> {
  await tx.execute(sql`
    select set_config('statement_timeout', ${String(Math.ceil(statementMs))}, true),
      set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(idleMs))}, true)`);
}

/** Wakes those who wait in this process for a key that is held in this process. */
export class Releases {
  readonly #waiting = new Map<string, Set<() => void>>();

  announce(owner: string, keys: string[]): void {
    for (const key of keys) for (const wake of [...(this.#waiting.get(owner + key) ?? [])]) wake();
  }

  wait(owner: string, keys: string[], atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        for (const key of keys) this.#forget(owner + key, wake);
        resolve();
      };
      const timer = setTimeout(wake, atMostMs);
      for (const key of keys)
        this.#waiting.set(owner + key, (this.#waiting.get(owner + key) ?? new Set()).add(wake));
    });
  }

  #forget(name: string, wake: () => void): void {
    const waiting = this.#waiting.get(name);
    waiting?.delete(wake);
    if (waiting?.size === 0) this.#waiting.delete(name);
  }
}
