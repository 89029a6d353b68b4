import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Redis } from 'ioredis';
import type { Database, Transaction } from '../../../db/client.ts';
import { openRedis } from '../../../redis.ts';
import {
  FencedOffError,
  type HeldLocks,
  type LockRequest,
  type Locks,
  LocksAwayError,
  limitStatements,
  Releases,
} from './lock.ts';

/** What a lock lives without being renewed, in ms: so soon a holder that has died is replaced. */
const LEASE = 5000;

// Tokens grow by the clock too, so that a Redis that has lost its data gives none that were given
// before.
const TAKE = `
  local time = redis.call('TIME')
  local last = tonumber(redis.call('GET', KEYS[1]) or '0')
  local token = math.max(time[1] * 1000000 + time[2], last + 1)
  redis.call('SET', KEYS[1], string.format('%.0f', token))
  local taken = {}
  for i = 2, #KEYS do
    if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) then taken[#taken + 1] = i - 2 end
  end
  return { string.format('%.0f', token), taken }`;

const RENEW = `
  for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2]) end
  end`;

const GIVE_BACK = `
  for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
  end`;

interface RedisLocksOptions {
  /** `redis://…` or `rediss://…` */
  url: string;
  db: Database['db'];
  /** For tests. */
  leaseMs?: number;
  /** Called when a connection is lost. Reconnecting is automatic. */
  onError?(error: Error): void;
}

/**
 * Locks in Redis, renewed while they are held. A lease can run out unnoticed. So each holder has a
 * token greater than those before it, and it writes in Postgres only while it is the newest holder
 * of its keys (the table `fences`).
 */
export class RedisLocks implements Locks {
  readonly #db: Database['db'];
  readonly #leaseMs: number;
  readonly #redis: Redis;
  readonly #releases = new Releases();

  constructor({ url, db, leaseMs = LEASE, onError }: RedisLocksOptions) {
    this.#db = db;
    this.#leaseMs = leaseMs;
    const limits = { commandTimeout: 2000, maxRetriesPerRequest: 1 };
    this.#redis = openRedis(url, { ...limits, connectionName: 'knockon' }, onError);
  }

  async hold<T>(request: LockRequest, work: (held: HeldLocks) => Promise<T>): Promise<T> {
    const { owner } = request;
    const holder = randomUUID();
    const { token, keys } = await this.#take(request, holder);
    const names = keys.map((key) => nameOf(owner, key));
    const renewal = this.#keepRenewing(names, holder);
    try {
      const held = { owner, token, keys: await raiseFences(this.#db, { owner, token, keys }) };
      return await work({
        keys: held.keys,
        transaction: (write) => this.#writeFenced(request, held, write),
      });
    } finally {
      clearInterval(renewal);
      await this.#giveBack(names, holder);
      this.#releases.announce(owner, keys);
    }
  }

  freed({ owner, keys }: Pick<LockRequest, 'owner' | 'keys'>, atMostMs: number): Promise<void> {
    return this.#releases.wait(owner, keys, atMostMs);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  /** @throws LocksAwayError */
  async #take({ owner, keys }: LockRequest, holder: string) {
    const names = keys.map((key) => nameOf(owner, key));
    const given = ['knockon:fence', ...names];
    try {
      const reply = await this.#redis.eval(TAKE, given.length, ...given, holder, this.#leaseMs);
      const [token, taken] = reply as [string, number[]];
      return { token: Number(token), keys: taken.flatMap((i) => keys[i] ?? []) };
    } catch (error) {
      // Redis may yet take them: it is slow, or is asked again by the next connection.
      void this.#giveBack(names, holder);
      const reason = error instanceof Error ? error.message : error;
      throw new LocksAwayError(`the locks are in Redis, and it does not answer: ${reason}`);
    }
  }

  /** If a renewal fails, the lease runs out. */
  #keepRenewing(names: string[], holder: string): NodeJS.Timeout {
    const renew = () =>
      this.#redis.eval(RENEW, names.length, ...names, holder, this.#leaseMs).catch(() => {});
    return setInterval(renew, this.#leaseMs / 3);
  }

  /** If this fails, the lease runs out. */
  async #giveBack(names: string[], holder: string): Promise<void> {
    await this.#redis.eval(GIVE_BACK, names.length, ...names, holder).catch(() => {});
  }

  #writeFenced<T>(request: LockRequest, held: Fenced, write: (tx: Transaction) => Promise<T>) {
    return this.#db.transaction(async (tx) => {
      await limitStatements(tx, request);
      const result = await write(tx);
      await holdFences(tx, held);
      return result;
    });
  }
}

const nameOf = (owner: string, key: string) => `knockon:lock:${owner}:${key}`;

type Fenced = Pick<LockRequest, 'owner' | 'keys'> & { token: number };

/** Shuts out the holders before this one. @returns the keys that nobody newer has */
async function raiseFences(db: Database['db'], { owner, token, keys }: Fenced): Promise<string[]> {
  if (keys.length === 0) return [];
  const rows = await db.execute<{ key: string }>(sql`
    insert into knockon.fences as f (subscriber, key, token) select ${owner}, key, ${token}::bigint
      from unnest(${sql.param(keys)}::uuid[]) as t (key) order by key
    on conflict (subscriber, key) do update set token = excluded.token
      where f.token <= excluded.token
    returning key`);
  return rows.map((row) => row.key);
}

/** The last thing a transaction does: from here to its commit nobody newer can begin. */
async function holdFences(tx: Transaction, { owner, token, keys }: Fenced): Promise<void> {
  const rows = await tx.execute(sql`
    select key from knockon.fences
    where subscriber = ${owner} and key = any(${sql.param(keys)}::uuid[])
      and token = ${token}::bigint order by key for share`);
  if (rows.length < keys.length)
    throw new FencedOffError(
      'the lease ran out, and another worker has the lock: nothing was written',
    );
}
