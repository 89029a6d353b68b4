import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import type { Database, Transaction } from '../../../db/client.ts';
import { FencedOffError, type LockRequest, type Locks, LocksAwayError, Releases } from './lock.ts';

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

/**
 * Locks in Redis, renewed while they are held. A lease can run out unnoticed, so each holder has a
 * token greater than those before it, and writes in Postgres only while it is the newest of its
 * keys (the table `fences`).
 *
 * @param options.url `redis://…` or `rediss://…`
 * @param options.leaseMs for tests
 * @param options.onError told of lost connections; reconnecting goes on by itself
 */
export function redisLocks(options: {
  url: string;
  db: Database['db'];
  leaseMs?: number;
  onError?(error: Error): void;
}): Locks {
  const { db, leaseMs = LEASE } = options;
  const redis = new Redis(options.url, {
    connectTimeout: 2000,
    commandTimeout: 2000,
    maxRetriesPerRequest: 1,
    connectionName: 'knockon',
  });
  redis.on('error', (error: Error) => options.onError?.(error));
  const releases = new Releases();
  const nameOf =
    ({ owner }: LockRequest) =>
    (key: string) =>
      `knockon:lock:${owner}:${key}`;

  async function take(
    request: LockRequest,
    holder: string,
  ): Promise<{ token: number; keys: string[] }> {
    const names = ['knockon:fence', ...request.keys.map(nameOf(request))];
    try {
      const [token, taken] = (await redis.eval(TAKE, names.length, ...names, holder, leaseMs)) as [
        string,
        number[],
      ];
      return { token: Number(token), keys: taken.flatMap((i) => request.keys[i] ?? []) };
    } catch (error) {
      throw new LocksAwayError(
        'the locks are in Redis, and it does not answer: ' +
          `${error instanceof Error ? error.message : error}`,
      );
    }
  }

  return {
    async hold(request, work) {
      const holder = randomUUID();
      const { token, keys } = await take(request, holder);
      const names = keys.map(nameOf(request));
      // A renewal or a giving back that fails leaves the lease to run out.
      const renewal = setInterval(
        () => redis.eval(RENEW, names.length, ...names, holder, leaseMs).catch(() => {}),
        leaseMs / 3,
      );
      try {
        const held = {
          owner: request.owner,
          token,
          keys: await raiseFences(db, { owner: request.owner, token, keys }),
        };
        return await work({
          keys: held.keys,
          transaction: (write) =>
            db.transaction(async (tx) => {
              await limit(tx, request);
              const result = await write(tx);
              await holdFences(tx, held);
              return result;
            }),
        });
      } finally {
        clearInterval(renewal);
        await redis.eval(GIVE_BACK, names.length, ...names, holder).catch(() => {});
        releases.announce(request.owner, keys);
      }
    },
    freed: ({ owner, keys }, atMostMs) => releases.wait(owner, keys, atMostMs),
    close: async () => redis.disconnect(),
  };
}

type Fenced = Pick<LockRequest, 'owner' | 'keys'> & { token: number };

/** Shuts out the holders before this one. @returns the keys that nobody newer has */
async function raiseFences(db: Database['db'], { owner, token, keys }: Fenced): Promise<string[]> {
  if (keys.length === 0) return [];
  const rows = await db.execute<{ key: string }>(sql`
    insert into fences as f (subscriber, key, token) select ${owner}, key, ${token}::bigint
      from unnest(${sql.param(keys)}::uuid[]) as t (key) order by key
    on conflict (subscriber, key) do update set token = excluded.token
      where f.token <= excluded.token
    returning key`);
  return rows.map((row) => row.key);
}

/** The last thing a transaction does: from here to its commit nobody newer can begin. */
async function holdFences(tx: Transaction, { owner, token, keys }: Fenced): Promise<void> {
  const rows = await tx.execute(sql`
    select key from fences where subscriber = ${owner} and key = any(${sql.param(keys)}::uuid[])
      and token = ${token}::bigint order by key for share`);
  if (rows.length < keys.length)
    throw new FencedOffError(
      'the lease ran out, and another worker has the lock: nothing was written',
    );
}

async function limit(tx: Transaction, { statementMs, idleMs }: LockRequest): Promise<void> {
  await tx.execute(sql`
    select set_config('statement_timeout', ${String(Math.ceil(statementMs))}, true),
      set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(idleMs))}, true)`);
}
