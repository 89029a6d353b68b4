import { ApplicationFailure, Context } from '@temporalio/activity';
import { crashPoint } from '../../crash-points.ts';
import type { Database, Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { asSafeError } from '../../safe-error.ts';
import { type Beat, type EffectAnswer, type EffectCall, FAILURE, type OpenOutcome } from '../../transport/dispatch.ts';
import { CallReport, type TellAttempt } from './attempt-report.ts';
import { bounded } from './bounded.ts';
import type { CallSlots } from './call-slots.ts';
import type { DatabaseEffect, Effect } from './effect.ts';
import { EventReader } from './event-reader.ts';
import { explain } from './explain.ts';
import type { Locks } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { callInOrder } from './ordering/ordered-call.ts';
import { putOff } from './outage.ts';
import { oneTarget, outside } from './outside-call.ts';
import { type Paging, pageByPage, readAtOnce, TooLargeError } from './paged-call.ts';
import { claimReceipts, recordAttempts, recordFailure, withdrawReceipts } from './receipts.ts';

type Db = Database['db'];

/** How often it is said of a call that it is under way, in ms. Its worker counts as dead after 15 s of silence. */
export const HEARTBEAT = 3000;

/** An effect as Temporal calls it: the activity. */
export function effectActivity(effect: Effect, db: Db, shared: Omit<Trying, 'attempt'> = {}): (call: EffectCall) => Promise<EffectAnswer> {
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
  /** Of this effect's calls in this worker. */
  slots?: CallSlots;
  /** Told of each attempt that is not done. */
  tell?: TellAttempt;
}

/**
 * Calls an effect and keeps the books: receipts for what is done, attempts for what is not.
 *
 * @throws ApplicationFailure `EffectRetry` where a single event is to be tried again and its caller does not count its tries;
 *   `EffectPoison` where the effect threw
 */
export async function answer(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying = {}): Promise<EffectAnswer> {
  const report = new CallReport(call, trying);
  const answered = await tried(effect, { db, call, signal, report }, () => run(effect, db, call, signal, trying));
  if (answered.put_off !== undefined) return answered;
  const { done } = answered;
  report.outcomes(answered.open);
  const open = bounded(answered.open);
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
  return open.some(({ target }) => target !== undefined) ? { done, open, takes_targets: true } : { done, open };
}

async function run(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying): Promise<EffectAnswer> {
  const { locks = postgresLocks(db), reader = new EventReader(db), attempt = 1, slots } = trying;
  if (effect.ordering !== 'none') return await oneTarget(call, (one) => callInOrder(effect, { db, locks, signal, attempt }, one));
  const paging = { reader, signal, slots, began: performance.now() };
  return await ('transact' in effect ? inTransaction(effect, db, call, paging) : outside(effect, db, call, paging));
}

/** Longest that a call is held while the database is away, in ms, and the part of its time that it is held at most. */
const HELD = { atMost: 20_000, part: 0.5 };

async function tried(
  { timeout_ms }: Effect,
  { db, call, signal, report }: { db: Db; call: EffectCall; signal: AbortSignal; report: CallReport },
  run: () => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const heldUntil = performance.now() + Math.min(HELD.atMost, timeout_ms * HELD.part);
  try {
    return await run();
  } catch (error) {
    const { cause, reason } = explain(error);
    const unmade = await putOff({ error, db, signal, atMostMs: heldUntil - performance.now() });
    // What a worker that stops has broken off is nobody's trouble.
    if (unmade && !signal.aborted) report.whole('put off', cause, error);
    if (unmade) return unmade;
    // A group is halved next, so its events have not been tried each for itself.
    const [event] = call.alone ? await recordFailure(db, call, reason).catch(() => []) : [];
    report.whole('failed', cause, error, event);
    throw ApplicationFailure.create({ type: FAILURE.poison, message: reason, details: [cause], cause: asSafeError(error) });
  }
}

/** The receipts and what the effect writes are kept together or not at all: for all events in one transaction, or page by page. */
async function inTransaction(
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  db: Db,
  call: EffectCall,
  paging: Paging,
): Promise<EffectAnswer> {
  // Before the transaction has a connection: where all are taken, it gets one sooner than whoever waits for it here.
  const reading = readAtOnce(effect, call, paging);
  // Whoever awaits it in the transaction is told.
  reading.catch(() => {});
  const transact = (claim: EffectCall, events: () => Promise<DomainEvent[]>) =>
    db.transaction(async (tx) => await transactAll(tx, effect, claim, events));
  try {
    return await transact(call, async () => (await reading).events);
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    return await pageByPage(effect, call, error.pages, paging, (claim, events) => transact(claim, async () => events));
  } finally {
    void reading.then(
      ({ release }) => release(),
      () => {},
    );
  }
}

async function transactAll(
  tx: Transaction,
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  claim: EffectCall,
  read: () => Promise<DomainEvent[]>,
): Promise<EffectAnswer> {
  const mine = await claimReceipts(tx, claim);
  const events = (await read()).filter((event) => mine?.has(event.id) ?? true);
  if (events.length === 0) return { done: 0, open: [] };
  const open = (await effect.transact(tx, events)) ?? [];
  if (open.length > 0) {
    await withdrawReceipts(tx, claim, open);
    await recordAttempts(tx, effect.name, open);
  }
  crashPoint('in-effect');
  return { done: events.length - countEvents(open), open };
}

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;
