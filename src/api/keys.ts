import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Database } from '../db/client.ts';
import { apiKeys } from '../db/schema/workspaces.ts';

/** Whose key it is. */
export interface Caller {
  workspaceId: string;
  keyId: string;
}

/** How long a process goes on accepting a key that another process has deleted, in ms. */
const REMEMBERED_MS = 3_000;

export const hashKey = (key: string): Buffer => hash('sha256', key, 'buffer');

/** A new key: 256 random bits behind `kn_`. Only its hash and its first characters are stored. */
export function newKey(): { key: string; hash: Buffer; prefix: string } {
  const key = `kn_${randomBytes(32).toString('base64url')}`;
  return { key, hash: hashKey(key), prefix: key.slice(0, 9) };
}

/** True where both are the same; takes the same time wherever they differ. */
export const sameKey = (given: string, wanted: string): boolean => timingSafeEqual(hashKey(given), hashKey(wanted));

/** Tells who calls by the key; remembers it for a few seconds, so that the hot path asks the database once in a while. */
export interface Keyring {
  /** Whose key it is, where that was asked a moment ago. */
  recall(key: string): Caller | undefined;
  /** @param beforeAsking runs before the database is asked for a key that has not been right before; throws to refuse that */
  find(key: string, beforeAsking: () => Promise<void>): Promise<Caller | undefined>;
  /** From now on the key with this hash is looked up again. */
  forget(hash: Buffer): void;
}

export function createKeyring({ db }: Database): Keyring {
  const remembered = new LRUCache<string, Caller>({
    max: 10_000,
    ttl: REMEMBERED_MS,
    fetchMethod: async (known) => {
      const which = eq(apiKeys.hash, Buffer.from(known, 'base64'));
      const [caller] = await db.select({ workspaceId: apiKeys.workspace_id, keyId: apiKeys.id }).from(apiKeys).where(which);
      return caller;
    },
  });
  const right = new LRUCache<string, true>({ max: 10_000 });
  async function ask(known: string, beforeAsking: () => Promise<void>): Promise<Caller | undefined> {
    if (!right.has(known)) await beforeAsking();
    const caller = await remembered.fetch(known);
    if (caller) right.set(known, true);
    else right.delete(known);
    return caller;
  }
  return {
    recall: (key) => remembered.get(hash('sha256', key, 'base64')),
    find: (key, beforeAsking) => ask(hash('sha256', key, 'base64'), beforeAsking),
    forget(forgotten) {
      const known = forgotten.toString('base64');
      remembered.delete(known);
      right.delete(known);
    },
  };
}
