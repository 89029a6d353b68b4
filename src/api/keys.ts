import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Database } from '../db/client.ts';
import { createLookup } from './lookup.ts';

/** Whose key it is. */
export interface Caller {
  workspaceId: string;
  keyId: string;
}

/** How long a process goes on accepting a key that another process has deleted, in ms. */
const REMEMBERED_MS = 3_000;

/**
 * How often to ask, in one statement, whether the keys in use are still right, in ms.
 */
const ASSURED_MS = 1_000;

/** A key that nobody has used for so long is not asked about any more, in ms. */
const IDLE_MS = 60_000;

export const hashKey = (key: string): Buffer => hash('sha256', key, 'buffer');

/** A new key: 256 random bits behind `kn_`. Only its hash and its first characters are stored. */
export function newKey(): { key: string; hash: Buffer; prefix: string } {
  const key = `kn_${randomBytes(32).toString('base64url')}`;
  return { key, hash: hashKey(key), prefix: key.slice(0, 9) };
}

const form = /^kn_[\w-]{43}$/;

/** Whether it could be a key that `newKey` made: what has another form is wrong without a look. */
export const hasKeyForm = (key: string): boolean => form.test(key);

/** True where both are the same; takes the same time wherever they differ. */
export const sameKey = (given: string, wanted: string): boolean =>
  timingSafeEqual(hashKey(given), hashKey(wanted));

/**
 * Tells who calls by the key; remembers it for a few seconds, so that the hot path asks the
 * database once in a while.
 */
export interface Keyring {
  /** Whose key it is, where that was asked a moment ago. */
  recall(key: string): Caller | undefined;
  /** Whose key it is; asks the database where the key has a key's form. */
  find(key: string): Promise<Caller | undefined>;
  /** From now on the key with this hash is looked up again. */
  forget(hash: Buffer): void;
}

/** A caller as it is remembered. */
interface Known extends Caller {
  usedAt: number;
}

export function createKeyring({ db }: Database): Keyring {
  const remembered = new LRUCache<string, Known>({ max: 10_000, ttl: REMEMBERED_MS });
  // A lookup that began before its key was deleted may end after it.
  const forgotten = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 });
  const lookUp = createLookup(
    async (known) =>
      new Map((await findCallers(db, known)).map((caller) => [caller.known, caller])),
  );
  let assuredAt = performance.now();

  async function ask(known: string): Promise<Caller | undefined> {
    const caller = remembered.get(known) ?? (await lookUp(known));
    if (caller && !forgotten.has(known))
      remembered.set(known, { ...caller, usedAt: performance.now() });
    return caller;
  }

  function recall(known: string): Caller | undefined {
    const now = performance.now();
    const caller = remembered.get(known);
    if (caller) caller.usedAt = now;
    // If this fails, the caller is forgotten in time, and the next request reports why.
    if (now - assuredAt > ASSURED_MS) assure(now).catch(() => {});
    return caller;
  }

  /**
   * With a thousand keys in use, each looked up by itself every few seconds, every second request
   * would wait for that.
   */
  async function assure(now: number): Promise<void> {
    assuredAt = now;
    const inUse = [...remembered.entries()].filter(([, { usedAt }]) => now - usedAt < IDLE_MS);
    const hashes = inUse.map(([known]) => known);
    const callers = new Map(
      (await findCallers(db, hashes)).map((caller) => [caller.known, caller]),
    );
    for (const [known, { usedAt }] of inUse) {
      const caller = callers.get(known);
      if (!caller) remembered.delete(known);
      // What was forgotten meanwhile stays so.
      else if (remembered.has(known)) remembered.set(known, { ...caller, usedAt });
    }
  }

  return {
    recall: (key) => recall(hash('sha256', key, 'base64')),
    find: async (key) => (hasKeyForm(key) ? await ask(hash('sha256', key, 'base64')) : undefined),
    forget(keyHash) {
      const known = keyHash.toString('base64');
      remembered.delete(known);
      forgotten.set(known, true);
    },
  };
}

/** Of these keys, by their hashes in base64, those that there are. */
async function findCallers(
  db: Database['db'],
  known: string[],
): Promise<(Caller & { known: string })[]> {
  const rows = await db.execute(sql`
    select known, workspace_id as "workspaceId", id as "keyId"
    from unnest(${sql.param(known)}::text[]) as t (known)
      join knockon.api_keys on hash = decode(known,
      'base64')`);
  return rows as unknown as (Caller & { known: string })[];
}
