import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { errorCode, isDatabaseAway } from '../../db/errors.ts';
import type { EffectAnswer } from '../../transport/dispatch.ts';
import { FencedOffError, LocksAwayError } from './locks/lock.ts';

type Db = Database['db'];

/** A call that could not be made through no fault of its own. */
export interface Unmade {
  error: unknown;
  db: Db;
  signal: AbortSignal;
  /** How long it may be held here, in ms. */
  atMostMs: number;
}

/** How often to look whether the database is back, in ms. */
const LOOK = 500;

/** How long a call is held while the locks are away, in ms: they can't be asked. */
const LOCKS = 3000;

/**
 * When a call is made again, in ms: once the database is back, and where it is not, or another
 * worker was faster.
 */
const SOON = 500;
const LATER = 2000;

/** Out of disk, memory or what a query may take: that a small one succeeds says nothing. */
const EXHAUSTED = /^53(?!300)/;

/** The answer for a call that is made in so many ms. */
export const deferredAnswer = (inMs: number): EffectAnswer => ({
  done: 0,
  open: [],
  put_off: new Date(Date.now() + inMs).toISOString(),
  put_off_ms: inMs,
});

/**
 * Where an error says nothing of the events (the database or the locks are away, another worker was
 * faster, or this one stops), the call is put off: that uses up no try, and nothing is halved. It
 * is held here until the database is back: all of this effect's calls need it, so what holds their
 * places keeps the others in their queue, where waiting costs nothing.
 *
 * @returns undefined for every other error
 */
export async function deferIfAway({
  error,
  db,
  signal,
  atMostMs,
}: Unmade): Promise<EffectAnswer | undefined> {
  if (signal.aborted) return deferredAnswer(0);
  if (error instanceof FencedOffError) return deferredAnswer(LATER);
  if (error instanceof LocksAwayError) {
    await rest(Math.min(LOCKS, atMostMs), signal);
    return deferredAnswer(SOON);
  }
  if (!isDatabaseAway(error)) return undefined;
  const back = EXHAUSTED.test(errorCode(error) ?? '')
    ? rest(atMostMs, signal)
    : isBack(db, atMostMs, signal);
  return deferredAnswer((await back) ? SOON : LATER);
}

/** @returns false: nothing is known of whether it passed */
const rest = (ms: number, signal: AbortSignal): Promise<boolean> =>
  wait(Math.max(0, ms), false, { signal }).catch(() => false);

/** One look for all calls of the process that wait. */
const looks = new WeakMap<Db, Promise<boolean>>();

async function isBack(db: Db, atMostMs: number, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + atMostMs;
  for (let left = atMostMs; left > 0 && !signal.aborted; left = until - performance.now()) {
    if (await Promise.race([look(db), rest(left, signal)])) return true;
  }
  return false;
}

function look(db: Db): Promise<boolean> {
  const underWay = looks.get(db);
  if (underWay) return underWay;
  const begun = wait(LOOK)
    .then(() => isWritable(db))
    .finally(() => looks.delete(db));
  looks.set(db, begun);
  return begun;
}

/**
 * Asks by a statement that needs to write, for a standby answers reads. A session that may not
 * write is replaced.
 */
async function isWritable(db: Db): Promise<boolean> {
  return await db.execute(sql`select from knockon.subscribers limit 0 for update`).then(
    () => true,
    () => false,
  );
}
