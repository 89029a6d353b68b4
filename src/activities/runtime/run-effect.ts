import { ApplicationFailure, Context } from '@temporalio/activity';
import { crashPoint } from '../../crash-points.ts';
import type { Database, Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { asSafeError } from '../../safe-error.ts';
import {
  type Beat,
  type EffectAnswer,
  type EffectCall,
  FAILURE,
  type OpenOutcome,
} from '../../transport/dispatch.ts';
import { CallReport, type TellAttempt } from './attempt-report.ts';
import type { CallSlots } from './call-slots.ts';
import { asWaits, type Call, type DatabaseEffect, type Effect, machineTime } from './effect.ts';
import { EventReader } from './event-reader.ts';
import { explain } from './explain.ts';
import { assureKnown, isUnknownDispatch } from './known-dispatch.ts';
import type { Locks } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { callInOrder } from './ordering/ordered-call.ts';
import { putOff } from './outage.ts';
import { oneTarget, outside } from './outside-call.ts';
import { type Paging, pageByPage, readAtOnce, TooLargeError } from './paged-call.ts';
import { claimReceipts, recordAttempts, recordFailure, withdrawReceipts } from './receipts.ts';
import { truncateOutcomes } from './truncate-outcomes.ts';

type Db = Database['db'];

/**
 * How often it is said of a call that it is under way, in ms. Its worker counts as dead after 15 s
 * of silence.
 */
export const HEARTBEAT = 3000;

/** An effect as Temporal calls it: the activity. */
export function effectActivity(
  effect: Effect,
  db: Db,
  shared: Omit<Trying, 'attempt'> = {},
): (call: EffectCall) => Promise<EffectAnswer> {
  return async (call) => {
    const heart = setInterval(() => Context.current().heartbeat('begun' satisfies Beat), HEARTBEAT);
    try {
      const { info, cancellationSignal } = Context.current();
      return await answer(effect, db, call, cancellationSignal, {
        ...shared,
        attempt: info.attempt + (call.tried ?? 0),
      });
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
  /**
   * Which try of this very call it is, from 1 (default): a call that is made again may have killed
   * its worker.
   */
  attempt?: number;
  /** Of this effect's calls in this worker. */
  slots?: CallSlots;
  /** Told of each attempt that is not done. */
  tell?: TellAttempt;
  /** What effects take for the time; default: this machine's. */
  now?: Call['now'];
}

/**
 * Calls an effect and keeps the books: receipts for what is done, attempts for what is not.
 *
 * @throws ApplicationFailure `EffectRetry` where a single event is to be tried again and its caller
 * does not count its tries;
 *   `EffectPoison` where the effect threw; `UnknownDispatchError` where the call is of a dispatch that is not in this database
 */
export async function answer(
  effect: Effect,
  db: Db,
  call: EffectCall,
  signal: AbortSignal,
  trying: Trying = {},
): Promise<EffectAnswer> {
  const report = new CallReport(call, trying);
  const answered = await tried(effect, { db, call, signal, report }, () =>
    runKnown(effect, db, call, signal, trying),
  );
  if (answered.put_off !== undefined) return answered;
  const { done } = answered;
  report.outcomes(answered.open);
  const open = truncateOutcomes(answered.open);
  const [only] = open;
  if (
    call.alone &&
    call.tried === undefined &&
    only?.state === 'retry' &&
    open.length === 1 &&
    only.target === call.target
  ) {
    throw ApplicationFailure.create({
      type: FAILURE.retry,
      message: only.reason,
      details: [only.cause ?? only.reason],
      // 0 would have it tried at once, whatever the policy says.
      nextRetryDelay: only.after_ms || undefined,
    });
  }
  return open.some(({ target }) => target !== undefined)
    ? { done, open, takes_targets: true }
    : { done, open };
}

/** Where there was something to do the dispatch is known, so that is not asked. */
async function runKnown(...what: Parameters<typeof run>): Promise<EffectAnswer> {
  const answered = await run(...what);
  const [, db, call] = what;
  if (answered.done === 0 && answered.open.length === 0) await assureKnown(db, call);
  return answered;
}

async function run(
  effect: Effect,
  db: Db,
  call: EffectCall,
  signal: AbortSignal,
  trying: Trying,
): Promise<EffectAnswer> {
  const {
    locks = postgresLocks(db),
    reader = new EventReader(db),
    attempt = 1,
    slots,
    now = machineTime.now,
  } = trying;
  const told = { now };
  if (effect.ordering !== 'none')
    return await oneTarget(call, (one) =>
      callInOrder(effect, { db, locks, signal, attempt, told }, one),
    );
  const paging = { reader, signal, slots, began: performance.now(), told };
  return await ('transact' in effect
    ? inTransaction(effect, db, call, paging)
    : outside(effect, db, call, paging));
}

/**
 * Longest that a call is held while the database is away, in ms, and the part of its time that it
 * is held at most.
 */
const HELD = { atMost: 20_000, part: 0.5 };

async function tried(
  { timeout_ms }: Effect,
  {
    db,
    call,
    signal,
    report,
  }: { db: Db; call: EffectCall; signal: AbortSignal; report: CallReport },
  run: () => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const heldUntil = performance.now() + Math.min(HELD.atMost, timeout_ms * HELD.part);
  try {
    return await run();
  } catch (error) {
    if (isUnknownDispatch(error)) throw error;
    const { cause, reason } = explain(error);
    const unmade = await putOff({ error, db, signal, atMostMs: heldUntil - performance.now() });
    // What a worker that stops has broken off is nobody's trouble.
    if (unmade && !signal.aborted) report.whole('put off', cause, error);
    if (unmade) return unmade;
    // A group is halved next, so its events have not been tried each for itself.
    const [event] = call.alone ? await recordFailure(db, call, reason).catch(() => []) : [];
    report.whole('failed', cause, error, event);
    throw ApplicationFailure.create({
      type: FAILURE.poison,
      message: reason,
      details: [cause],
      cause: asSafeError(error),
    });
  }
}

/**
 * The receipts and what the effect writes are kept together or not at all: for all events in one
 * transaction, or page by page.
 */
async function inTransaction(
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  db: Db,
  call: EffectCall,
  paging: Paging,
): Promise<EffectAnswer> {
  // Before the transaction has a connection: where all are taken, it gets one sooner than whoever
  // waits for it here.
  const reading = readAtOnce(effect, call, paging);
  // Whoever awaits it in the transaction is told.
  reading.catch(() => {});
  const transact = (claim: EffectCall, events: () => Promise<DomainEvent[]>) =>
    db.transaction(
      async (tx) => await transactAll({ tx, told: paging.told }, effect, claim, events),
    );
  try {
    return await transact(call, async () => (await reading).events);
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    return await pageByPage(effect, call, error.pages, paging, (claim, events) =>
      transact(claim, async () => events),
    );
  } finally {
    void reading.then(
      ({ release }) => release(),
      () => {},
    );
  }
}

async function transactAll(
  { tx, told }: { tx: Transaction; told: Call },
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  claim: EffectCall,
  read: () => Promise<DomainEvent[]>,
): Promise<EffectAnswer> {
  const mine = await claimReceipts(tx, claim);
  const events = (await read()).filter((event) => mine?.has(event.id) ?? true);
  if (events.length === 0) return { done: 0, open: [] };
  const open = asWaits((await effect.transact(tx, events, told)) ?? [], told);
  if (open.length > 0) {
    await withdrawReceipts(tx, claim, open);
    await recordAttempts(tx, effect.name, open);
  }
  crashPoint('in-effect');
  return { done: events.length - countEvents(open), open };
}

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;
