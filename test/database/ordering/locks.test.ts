import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HeldLocks, Locks } from '../../../src/activities/runtime/locks/lock.ts';
import { FencedOffError } from '../../../src/activities/runtime/locks/lock.ts';
import { postgresLocks } from '../../../src/activities/runtime/locks/postgres.ts';
import { RedisLocks } from '../../../src/activities/runtime/locks/redis.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { startProxy } from '../../harness/proxy.ts';
import { isRedisInstalled, startRedis } from '../../harness/redis.ts';

interface Subject {
  locks: Locks;
  /** Empty where locks are in Postgres. */
  redisUrl: string;
  /** Takes a lock from its holder, as a lost connection or a lease that ran out does. */
  cut(owner: string, key: string): Promise<void>;
  close(): Promise<void>;
}

const overPostgres = async ({ database: { db, pg: admin } }: TestDatabase): Promise<Subject> => ({
  locks: postgresLocks(db),
  redisUrl: '',
  async cut() {
    await admin`select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
  },
  close: async () => {},
});

const overRedis = async ({ database: { db } }: TestDatabase): Promise<Subject> => {
  const server = await startRedis();
  const locks = new RedisLocks({ url: server.url, db });
  const peek = new Redis(server.url);
  return {
    locks,
    redisUrl: server.url,
    cut: async (owner, key) => void (await peek.del(`knockon:lock:${owner}:${key}`)),
    async close() {
      peek.disconnect();
      await locks.close();
      await server.stop();
    },
  };
};

const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const [A, B, C] = [uuid(1), uuid(2), uuid(3)];

describe('locks in Postgres', () => holdsAll(overPostgres));
describe.skipIf(!isRedisInstalled)('locks in Redis', () => holdsAll(overRedis));

/** What locks promise, wherever they are. */
function holdsAll(open: (test: TestDatabase) => Promise<Subject>): void {
  let test: TestDatabase;
  let subject: Subject;
  beforeAll(async () => {
    test = await freshDatabase();
    subject = await open(test);
    await test.database.pg`create table written (by text)`;
  });
  afterAll(async () => {
    await subject?.close();
    await test?.close();
  });

  const hold = <T>(owner: string, keys: string[], work: (held: HeldLocks) => Promise<T>) =>
    subject.locks.hold({ owner, keys, statementMs: 10_000, idleMs: 10_000 }, work);
  const free = (owner: string, keys: string[]) => hold(owner, keys, async (held) => held.keys);
  const write = (held: HeldLocks, by: string) =>
    held.transaction((tx) => tx.execute(sql`insert into written values (${by})`));
  const written = async () => (await test.database.pg`select by from written`).map((row) => row.by);

  /** Holds keys until it is told to end. */
  async function holding(owner: string, keys: string[]) {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let done: Promise<void> | undefined;
    const held = await new Promise<HeldLocks>((resolve, reject) => {
      done = hold(owner, keys, async (held) => {
        resolve(held);
        await ended;
      });
      done.catch(reject);
    });
    return {
      held,
      end: () => {
        end();
        return done;
      },
    };
  }

  it('are for one holder at a time; another gets those that are free, and waits for none', async () => {
    const first = await holding('x', [A, B]);
    expect(first.held.keys.sort()).toEqual([A, B]);
    expect(await free('x', [A, B, C])).toEqual([C]);
    expect(await free('x', [A])).toEqual([]);
    await first.end();
    expect((await free('x', [A, B, C])).sort()).toEqual([A, B, C]);
  });

  it('of one effect are not in the way of another', async () => {
    const first = await holding('x', [A]);
    expect(await free('y', [A])).toEqual([A]);
    await first.end();
  });

  it('are given back when the work throws', async () => {
    const failed = hold('x', [A], async () => {
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await free('x', [A])).toEqual([A]);
  });

  it('tell those who wait in the same process at once', async () => {
    const first = await holding('x', [A]);
    const told = subject.locks.freed({ owner: 'x', keys: [A, B] }, 60_000);
    await first.end();
    await told;
  });

  it('let what a holder writes stay if it is still the holder, and only then', async () => {
    const first = await holding('x', [A]);
    await subject.cut('x', A);
    await hold('x', [A], (held) => write(held, 'second'));
    await expect(write(first.held, 'first')).rejects.toThrow();
    await first.end()?.catch(() => {});
    expect(await written()).toEqual(['second']);
  });

  it('pass to another within seconds when their holder is killed', async () => {
    const path = fileURLToPath(new URL('./lock-holder-process.ts', import.meta.url));
    const holder = fork(path, [test.url, subject.redisUrl, 'x', A], {
      execArgv: ['--import', 'tsx'],
    });
    expect(await once(holder, 'message')).toMatchObject([{ held: [A] }, undefined]);
    expect(await free('x', [A])).toEqual([]);
    holder.kill('SIGKILL');
    const killed = Date.now();
    await expect.poll(() => free('x', [A]), { timeout: 20_000, interval: 100 }).toEqual([A]);
    expect(Date.now() - killed).toBeLessThan(15_000);
  });

  it('keep two hundred channels as one', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => uuid(1000 + i));
    expect((await free('x', keys)).sort()).toEqual(keys);
  });
}

describe.skipIf(!isRedisInstalled)('a lease in Redis', () => {
  it('outlives its length while its holder is alive, and a Redis that lost everything does not let an old holder write', async () => {
    const test = await freshDatabase();
    const server = await startRedis();
    const locks = new RedisLocks({ url: server.url, db: test.database.db, leaseMs: 300 });
    const peek = new Redis(server.url);
    const request = { owner: 'x', keys: [A], statementMs: 10_000, idleMs: 10_000 };
    await locks.hold(request, async (held) => {
      const ends = Date.now() + 900;
      await expect.poll(() => Date.now() > ends, { timeout: 10_000 }).toBe(true);
      expect(await locks.hold(request, async ({ keys }) => keys)).toEqual([]);
      await peek.flushall();
      expect(await locks.hold(request, async ({ keys }) => keys)).toEqual([A]);
      await expect(held.transaction(async () => {})).rejects.toThrow(FencedOffError);
    });
    peek.disconnect();
    await locks.close();
    await server.stop();
    await test.close();
  });

  it('is taken by another connection, and not by a call that has been given up, once the one that was open is silent', async () => {
    const test = await freshDatabase();
    const server = await startRedis();
    const proxy = await startProxy(server.url);
    const locks = new RedisLocks({ url: proxy.url, db: test.database.db, leaseMs: 60_000 });
    const request = { owner: 'x', keys: [A], statementMs: 10_000, idleMs: 10_000 };
    const free = () => locks.hold(request, async ({ keys }) => keys);
    expect(await free()).toEqual([A]);
    proxy.be('swallowed', 'what is there');
    await expect.poll(() => free().catch(() => 'away'), { timeout: 15_000 }).toEqual([A]);
    await locks.close();
    await proxy.stop();
    await server.stop();
    await test.close();
  });
});
