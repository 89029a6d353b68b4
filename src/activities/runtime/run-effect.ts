import { ApplicationFailure, Context } from '@temporalio/activity';
import { crashPoint } from '../../crash-points.ts';
import type { Database } from '../../db/client.ts';
import { isDatabaseAway } from '../../db/errors.ts';
import { type Beat, type EffectAnswer, type EffectCall, FAILURE, type OpenOutcome } from '../../transport/dispatch.ts';
import { bounded } from './bounded.ts';
import type { DatabaseEffect, Effect, OutsideEffect } from './effect.ts';
import { EventReader } from './event-reader.ts';
import { FencedOffError, type Locks, LocksAwayError } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { callInOrder } from './ordering/ordered-call.ts';
import { claimReceipts, openEvents, recordAttempts, recordFailure, settleTarget, withdrawReceipts, writeReceipts } from './receipts.ts';

type Db = Database['db'];

/** How often it is said of a call that it is under way, in ms. Its worker counts as dead after 15 s of silence. */
export const HEARTBEAT = 3000;

/** An effect as Temporal calls it: the activity. */
export function effectActivity(
  effect: Effect,
  db: Db,
  shared: Pick<Trying, 'locks' | 'reader'> = {},
): (call: EffectCall) => Promise<EffectAnswer> {
  return async (call) => {
    const heart = setInterval(() => Context.current().heartbeat('begun' satisfies Beat), HEARTBEAT);
    try {
      const { info, cancellationSignal } = Context.current();
      return await answer(effect, db, call, cancellationSignal, { ...shared, attempt: info.attempt + (call.tried ?? 0) });
    } finally {
      clearInterval(heart);
    }
  };
}

interface Trying {
  /** Of ordered effects; by default Postgres' own, which exclude each other in every process. */
  locks?: Locks;
  /** Of the effects in this process, so that they read events once. */
  reader?: EventReader;
  /** Which try of this very call it is, from 1 (default): a call that is made again may have killed its worker. */
  attempt?: number;
}

/**
 * Calls an effect and keeps the books: receipts for what is done, attempts for what is not.
 *
 * @throws ApplicationFailure `EffectRetry` where a single event is to be tried again and its caller does not count its tries;
 *   `EffectPoison` where the effect threw; `EffectRetry` where the database is away
 */
export async function answer(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying = {}): Promise<EffectAnswer> {
  const { done, open: all } = await tried(db, call, () => run(effect, db, call, signal, trying));
  const open = bounded(all);
  const [only] = open;
  if (call.alone && call.tried === undefined && only?.state === 'retry' && open.length === 1 && only.target === call.target) {
    throw ApplicationFailure.create({
      type: FAILURE.retry,
      message: only.reason,
      details: [only.cause ?? only.reason],
      // 0 would have it tried at once, whatever the policy says.
      nextRetryDelay: only.after_ms || undefined,
    });
  }
  return { done, open };
}

async function run(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying): Promise<EffectAnswer> {
  const { locks = postgresLocks(db), reader = new EventReader(db), attempt = 1 } = trying;
  if (effect.ordering !== 'none') return await callInOrder(effect, { db, locks, signal, attempt }, call);
  return await ('transact' in effect ? inTransaction(effect, db, call, reader) : outside(effect, db, call, { signal, reader }));
}

async function tried(db: Db, call: EffectCall, run: () => Promise<EffectAnswer>): Promise<EffectAnswer> {
  try {
    return await run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (isDatabaseAway(error))
      throw ApplicationFailure.create({ type: FAILURE.retry, message: `the database is away: ${reason}`, cause: asError(error) });
    if (error instanceof LocksAwayError || error instanceof FencedOffError)
      throw ApplicationFailure.create({ type: FAILURE.retry, message: reason, cause: error });
    // A group is halved next, so its events have not been tried each for itself.
    if (call.alone) await recordFailure(db, call, reason).catch(() => {});
    const cause = error instanceof Error ? error.name : 'error';
    throw ApplicationFailure.create({ type: FAILURE.poison, message: reason, details: [`${cause}: ${reason}`], cause: asError(error) });
  }
}

/** The receipts and what the effect writes are kept together or not at all. */
async function inTransaction(
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  db: Db,
  call: EffectCall,
  reader: EventReader,
): Promise<EffectAnswer> {
  // Before the transaction has a connection: where all are taken, it gets one sooner than whoever waits for it here.
  const reading = reader.read(call);
  return await db.transaction(async (tx) => {
    const mine = await claimReceipts(tx, call);
    const events = (await reading).filter((event) => mine?.has(event.id) ?? true);
    if (events.length === 0) return { done: 0, open: [] };
    const open = (await effect.transact(tx, events)) ?? [];
    if (open.length > 0) {
      await withdrawReceipts(tx, call, open);
      await recordAttempts(tx, effect.name, open);
    }
    crashPoint('in-effect');
    return { done: events.length - countEvents(open), open };
  });
}

/** At least once: a crash between the call and its receipt makes the call again, under the same id. */
async function outside(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  { signal, reader }: { signal: AbortSignal; reader: EventReader },
): Promise<EffectAnswer> {
  const { target } = call;
  const [all, stillOpen] = await Promise.all([reader.read(call), openEvents(db, call)]);
  const events = all.filter((event) => stillOpen.has(event.id));
  if (events.length === 0) return { done: 0, open: [] };
  const open = (await effect.perform(events, { db, target, signal })) ?? [];
  crashPoint('in-effect');
  await recordAttempts(db, effect.name, open);
  const unsettled = new Set(open.map((outcome) => outcome.event_id));
  const done = events.filter((event) => !unsettled.has(event.id)).map((event) => event.id);
  if (target === undefined) await writeReceipts(db, effect.name, done);
  else for (const id of done) await settleTarget(db, effect.name, id, target);
  return { done: done.length, open };
}

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
