import { crashPoint } from '../../crash-points.ts';
import type { Database, Transaction } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { asSafeError } from '../../safe-error.ts';
import type { EffectAnswer, EffectCall, OpenOutcome } from '../../transport/dispatch.ts';
import { CallFailure, FAILURE, isUnknownDispatch } from '../../transport/retry/failure.ts';
import { CallReport, type TellAttempt } from './attempt-report.ts';
import type { CallSlots } from './call-slots.ts';
import { checkingAnswers, deadOfNonsense, MalformedAnswerError } from './checked-answer.ts';
import { debouncing } from './debounce/debouncing.ts';
import { type Call, type DatabaseEffect, type Effect, machineTime } from './effect.ts';
import { EventReader } from './event-reader.ts';
import { explain } from './explain.ts';
import { asideFromHeld, partHeld } from './held-rows.ts';
import { assureKnown } from './known-dispatch.ts';
import type { Locks } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { tryFastPath } from './ordering/fast-path.ts';
import type { OrderedCall } from './ordering/run-turn.ts';
import { runSlowPath } from './ordering/slow-path.ts';
import { deferIfAway } from './outage.ts';
import { asWaits } from './outcomes.ts';
import { oneTarget, outside } from './outside-call.ts';
import { type Paging, pageByPage, readAtOnce } from './paged-call.ts';
import { claimReceipts, recordAttempts, recordFailure, withdrawReceipts } from './receipts.ts';
import { truncateOutcomes } from './truncate-outcomes.ts';
import { upcasting } from './upcast.ts';
import { type LimitedSubscribers, withinWorkspaceLimits } from './workspace-limits.ts';

type Db = Database['db'];

/** What a worker gives to the calls of its effects. */
export interface CallOptions {
  /** Of ordered effects; by default Postgres' own, which exclude each other in every process. */
  locks?: Locks;
  /** Of the effects in this process, so that they read events once. */
  reader?: EventReader;
  /**
   * Which attempt of this call it is, from 1 (default). After the first, an earlier one may have
   * killed its worker.
   */
  attempt?: number;
  /** Of this effect's calls in this worker. */
  slots?: CallSlots;
  /** Told of each attempt that is not done. */
  tell?: TellAttempt;
  /** Which subscribers limit workspaces; by default those whose effect says so. */
  limited?: LimitedSubscribers;
  /** What effects take for the time; default: this machine's. */
  now?: Call['now'];
}

/** One call of an effect. */
interface Calling {
  effect: Effect;
  db: Db;
  call: EffectCall;
  signal: AbortSignal;
  options: CallOptions;
  report: CallReport;
}

/**
 * Calls an effect and writes receipts for what is done, attempts for what is not.
 *
 * @throws CallFailure
 * - `EffectRetry`: a single event is to be tried again, and its caller does not count its tries;
 * - `EffectPoison`: the effect threw;
 * - `UnknownDispatchError`: the dispatch is not in this database
 */
export async function answer(
  effect: Effect,
  db: Db,
  call: EffectCall,
  signal: AbortSignal,
  options: CallOptions = {},
): Promise<EffectAnswer> {
  const report = new CallReport(call, options);
  const asked = upcasting(debouncing(checkingAnswers(effect)));
  const calling = { effect: asked, db, call, signal, options, report };
  const answered = await runOrDefer(calling);
  if (answered.put_off !== undefined) return answered;
  report.outcomes(answered.open);
  const open = truncateOutcomes(answered.open);
  throwIfRetried(call, open);
  const hasTargets = open.some(({ target }) => target !== undefined);
  return { done: answered.done, open, ...(hasTargets && { takes_targets: true }) };
}

/** A caller that does not count tries hears of a retry by a failure. @throws CallFailure */
function throwIfRetried({ alone, tried, target }: EffectCall, open: OpenOutcome[]): void {
  const [only, ...others] = open;
  if (!alone || tried !== undefined || only?.state !== 'retry') return;
  if (others.length > 0 || only.target !== target) return;
  const { reason, cause: shortCause = reason, after_ms } = only;
  // 0 would have it tried at once, whatever the policy says.
  throw new CallFailure(FAILURE.retry, reason, { shortCause, afterMs: after_ms || undefined });
}

/**
 * Longest that a call is held while the database is away, in ms, and the part of its time that it
 * is held at most.
 */
const HELD = { atMost: 20_000, part: 0.5 };

/** @throws CallFailure */
async function runOrDefer(calling: Calling): Promise<EffectAnswer> {
  const { effect, db, call, signal, report } = calling;
  const heldUntil = performance.now() + Math.min(HELD.atMost, effect.timeout_ms * HELD.part);
  try {
    return await runKnown(calling);
  } catch (error) {
    if (isUnknownDispatch(error)) throw error;
    const { cause, reason } = explain(error);
    const deferred =
      (await partHeld(calling, error).catch(() => undefined)) ??
      (await deferIfAway({ error, db, signal, atMostMs: heldUntil - performance.now() }));
    // A stopping worker breaks off its calls; nobody needs to hear of that.
    if (deferred && !signal.aborted) report.whole('put off', cause, error);
    if (deferred) return deferred;
    // A group is halved next: none of its events has been tried by itself.
    const [event] = call.alone ? await recordFailure(db, call, reason).catch(() => []) : [];
    if (error instanceof MalformedAnswerError && event !== undefined)
      return { done: 0, open: [deadOfNonsense(event, error, call.target)] };
    report.whole('failed', cause, error, event);
    throw new CallFailure(FAILURE.poison, reason, {
      shortCause: cause,
      cause: asSafeError(error),
    });
  }
}

/** A call that found something to do is of a known dispatch; only the others are checked. */
async function runKnown(calling: Calling): Promise<EffectAnswer> {
  const answered = await withinLimits(calling);
  if (answered.done === 0 && answered.open.length === 0)
    await assureKnown(calling.db, calling.call);
  return answered;
}

/** Without such a limit nothing is asked. */
async function withinLimits(calling: Calling): Promise<EffectAnswer> {
  const { effect, options } = calling;
  if (!effect.perWorkspace && !options.limited?.has(effect.name)) return await run(calling);
  return await withinWorkspaceLimits(calling, (call) => run({ ...calling, call }));
}

async function run({ effect, db, call, signal, options }: Calling): Promise<EffectAnswer> {
  const { locks = postgresLocks(db), reader = new EventReader(db), attempt = 1, slots } = options;
  const told = { now: options.now ?? machineTime.now, attempt: attemptOf(call, options) };
  const began = performance.now();
  if (effect.ordering !== 'none')
    return await oneTarget(call, (one) =>
      inOrder({ effect, call: one, db, locks, signal, attempt, told, began }),
    );
  const paging = { reader, signal, slots, began, told };
  if (!('transact' in effect)) return await outside(effect, db, call, paging);
  return await asideFromHeld({ effect, db, call }, (some) =>
    inTransaction(effect, db, some, paging),
  );
}

/**
 * An ordered call. The process that holds a sequence runs its events in the order of its log, after
 * all earlier ones. A group tries all its sequences at once. What that leaves goes event by event.
 */
async function inOrder(ordered: OrderedCall): Promise<EffectAnswer> {
  const fast = await tryFastPath(ordered);
  if (fast.isAll) return { done: fast.done, open: [] };
  const slow = await runSlowPath(ordered, fast);
  return { done: fast.done + slow.done, open: [...fast.open, ...slow.open] };
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
  const transact = (claim: EffectCall, events: DomainEvent[]) =>
    db.transaction(
      async (tx) => await transactAll({ tx, told: paging.told }, effect, claim, events),
    );
  // Read before the transaction takes a connection: with all of them taken, calls that hold one
  // and wait for another would wait for each other.
  const read = await readAtOnce(effect, call, paging);
  if ('pages' in read) return await pageByPage(effect, call, read.pages, paging, transact);
  try {
    return await transact(call, read.events);
  } finally {
    read.release();
  }
}

async function transactAll(
  { tx, told }: { tx: Transaction; told: Call },
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  claim: EffectCall,
  read: DomainEvent[],
): Promise<EffectAnswer> {
  const mine = await claimReceipts(tx, claim);
  const events = read.filter((event) => mine?.has(event.id) ?? true);
  if (events.length === 0) return { done: 0, open: [] };
  const open = asWaits((await effect.transact(tx, events, told)) ?? [], told);
  if (open.length > 0) {
    await withdrawReceipts(tx, claim, open);
    await recordAttempts(tx, effect.name, open);
  }
  crashPoint('in-effect');
  return { done: events.length - countEvents(open), open };
}

/** Which try of the call it is: those before it may have been counted by its caller. */
const attemptOf = ({ tried = 0 }: EffectCall, { attempt = 1 }: CallOptions) =>
  Math.max(attempt, tried + 1);

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;
