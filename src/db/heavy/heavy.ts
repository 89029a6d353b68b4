import { sql } from 'drizzle-orm';
import type { TransactionSql } from 'postgres';
import type { Database } from '../client.ts';
import { errorCode } from '../errors.ts';
import { FairPlaces, type PlaceLimits } from '../fair-places.ts';

/** Thrown where heavy work was stopped because it took too long. */
export class TookTooLongError extends Error {
  override name = 'TookTooLongError';
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`stopped after ${limitMs} ms`);
    this.limitMs = limitMs;
  }
}

/** Whose work it is, and how long it may take. */
export interface Asked {
  /** Who shares places with nobody else: a workspace's id, or an operator's. */
  owner: string;
  /** Longest run, in ms, of all statements together; without the wait for a place. */
  limitMs: number;
  /** Longest wait for a place, in ms. Default: 500. */
  waitMs?: number;
  /** Ends it: what runs in Postgres is cancelled. */
  signal?: AbortSignal;
  /**
   * Whether its statements are to go by index, one row after another, whatever the planner knows of
   * the tables. Default: no.
   */
  byIndex?: boolean;
}

/**
 * Runs what is expensive apart from everything else: on connections of its own, few at once, fairly
 * by owner, and not for long.
 */
export interface Heavy {
  /**
   * Runs statements in a transaction that only reads.
   *
   * @throws NoPlaceError, TookTooLongError, the signal's reason, or Postgres' error
   */
  read<T>(asked: Asked, work: (pg: TransactionSql) => Promise<T>): Promise<T>;
  /**
   * Runs something that takes connections by itself, from these. @throws NoPlaceError, or what
   * `work` throws
   */
  run<T>(
    asked: Pick<Asked, 'owner' | 'waitMs' | 'signal'>,
    work: (database: Database) => Promise<T>,
  ): Promise<T>;
}

/** As many as there are connections. One owner has half of them at most. */
const LIMITS: PlaceLimits = { places: 4, each: 2, waiting: 16 };

const WAIT = 500;

/**
 * How long Postgres may take to notice that it is to stop, in ms; then the caller is told, while
 * the place stays taken.
 */
const GRACE = 1000;

/**
 * @param database whose `pg` is used, and whose `db` cancels; it should be this one's alone
 */
export function createHeavy(database: Database, limits: PlaceLimits = LIMITS): Heavy {
  const places = new FairPlaces(limits);

  /** The place is given back when the work has ended, which may be after its caller was told. */
  async function occupy<T>(
    { owner, waitMs = WAIT, signal }: Pick<Asked, 'owner' | 'waitMs' | 'signal'>,
    work: () => Promise<T>,
  ) {
    const giveBack = await places.take(owner, { waitMs, signal });
    return { ended: work().finally(giveBack) };
  }

  return {
    async read(asked, work) {
      const limit = new Limit(asked);
      try {
        const { ended } = await occupy(asked, () => inTransaction(database, asked, limit, work));
        return await Promise.race([ended, limit.passed]);
      } finally {
        limit.clear();
      }
    },
    run: async (asked, work) => await (await occupy(asked, () => work(database))).ended,
  };
}

/** Why work is to end before it has: its time is over, or who asked for it has left. */
class Limit {
  /** Never settles but where Postgres has not stopped in time. */
  readonly passed: Promise<never>;
  readonly #asked: Asked;
  #timers: NodeJS.Timeout[] = [];
  #onLeave = () => {};
  #fail: (error: Error) => void = () => {};
  why: Error | undefined;

  constructor(asked: Asked) {
    this.#asked = asked;
    this.passed = new Promise<never>((_, fail) => {
      this.#fail = fail;
    });
    this.passed.catch(() => {});
  }

  /** @param stop called once, when it is to end */
  begin(stop: () => void): void {
    const { limitMs, signal } = this.#asked;
    const end = (why: Error) => {
      if (this.why) return;
      this.why = why;
      this.#timers.push(setTimeout(() => this.#fail(why), GRACE));
      stop();
    };
    this.#timers.push(setTimeout(() => end(new TookTooLongError(limitMs)), limitMs));
    if (signal?.aborted) end(signal.reason);
    this.#onLeave = () => end(signal?.reason);
    signal?.addEventListener('abort', this.#onLeave);
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#asked.signal?.removeEventListener('abort', this.#onLeave);
  }
}

/**
 * Postgres itself ends it a second after the limit, also where this process is gone and can't
 * cancel any more.
 */
async function inTransaction<T>(
  database: Database,
  asked: Asked,
  limit: Limit,
  work: (pg: TransactionSql) => Promise<T>,
): Promise<T> {
  let pid: number | undefined;
  let cancelled: Promise<unknown> | undefined;
  limit.begin(() => {
    if (pid !== undefined)
      cancelled = database.db.execute(sql`select pg_cancel_backend(${pid}::int)`).catch(() => {});
  });
  try {
    return (await database.pg.begin('read only', async (pg) => {
      pid = await prepare(pg, asked);
      try {
        if (limit.why) throw limit.why;
        return await work(pg);
      } finally {
        // It must hit this transaction, and not whatever has the connection next.
        await cancelled;
      }
    })) as T;
  } catch (error) {
    if (errorCode(error) !== '57014') throw error;
    throw limit.why ?? new TookTooLongError(asked.limitMs);
  }
}

async function prepare(pg: TransactionSql, { limitMs, byIndex = false }: Asked): Promise<number> {
  const [row] = await pg<{ pid: number }[]>`
    select pg_backend_pid() as pid, set_config('statement_timeout', ${String(limitMs + GRACE)},
      true),
      set_config('plan_cache_mode', 'force_custom_plan', true),
      (select count(set_config(name, 'off', true)) from unnest(array['enable_bitmapscan',
        'enable_seqscan', 'enable_sort']) as t (name)
        where ${byIndex})`;
  return row?.pid ?? 0;
}
