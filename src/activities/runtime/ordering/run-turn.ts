import { crashPoint } from '../../../crash-points.ts';
import type { Database, Transaction } from '../../../db/client.ts';
import { isDatabaseAway } from '../../../db/errors.ts';
import type { EffectCall, OpenOutcome } from '../../../transport/dispatch.ts';
import type { Call, DatabaseEffect, Effect, OutsideEffect } from '../effect.ts';
import type { HeldLocks, LockRequest, Locks } from '../locks/lock.ts';
import { asWaits } from '../outcomes.ts';
import { completeTargets, recordAttempts } from '../receipts.ts';
import { commitTurn, markReported, recordWaits, reportsOf, type Waits } from './commit-turn.ts';
import {
  isOutOfTurn,
  isolate,
  type OrderedEvent,
  OutOfTurnError,
  type Ran,
  TimeLimitError,
} from './isolate.ts';
import { type AdvancedCursors, advanceCursors, eligibleEvents } from './plan-turn.ts';
import { type Entry, type Reading, readLog, readPayloads } from './read-log.ts';

/** A call of an ordered effect, with what it works with. */
export interface OrderedCall {
  effect: Effect;
  call: EffectCall;
  db: Database['db'];
  locks: Locks;
  signal: AbortSignal;
  /** Which attempt of this very call it is, from 1. */
  attempt: number;
  /** What the effect is told of the call. */
  told: Call;
  /** On the clock of `performance.now()`. */
  began: number;
}

/** What a turn is about. */
export interface Ask extends Reading {
  /** Most events. */
  most: number;
  /** An event of another call that is among `mine`, for it was noted as begun. */
  guest?: string;
  /** Which of the call's events wait, and until when, once the cursors have advanced. */
  waits(advanced: AdvancedCursors, ran: Ran): Waits[];
}

/** What a turn came to. */
export interface Turn extends AdvancedCursors {
  /** Events that have their receipt: by this turn, or before it. */
  done: Set<string>;
  /** Of these, the call's own; and whether it was done by this turn. */
  own: { entry: Entry; isNew: boolean }[];
  open: OpenOutcome[];
  /** The call's own events that it came across. */
  mine: Set<string>;
  /** Sequences of which something was done. */
  moved: Set<string | null>;
}

/**
 * What is locked for a turn, and for how long. An effect that changes our database has no reason to
 * leave its transaction idle.
 */
export function lockRequest(effect: Effect, keys: string[]): LockRequest {
  const { name: owner, timeout_ms } = effect;
  const asksOthers = !('transact' in effect);
  const idleMs = asksOthers ? timeout_ms : Math.min(timeout_ms, 10_000);
  return { owner, keys, statementMs: timeout_ms * 0.9, idleMs, asksOthers };
}

/** Does the events whose turn it is, and writes their receipts while their sequences are held. */
export async function runTurn(held: HeldLocks, ordered: OrderedCall, ask: Ask): Promise<Turn> {
  const { effect } = ordered;
  return 'transact' in effect
    ? await transactTurn(held, effect, ordered, ask)
    : await performTurn(held, effect, ordered, ask);
}

/** All in one transaction: the effect's writes, receipts and cursors. */
async function transactTurn(
  held: HeldLocks,
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  ordered: OrderedCall,
  ask: Ask,
): Promise<Turn> {
  return await held.transaction(async (tx) => {
    const log = await readLog(tx, effect, ask);
    const eligible = eligibleEvents(log, effect.onPoison, { most: ask.most, oneEach: false });
    const turn = await readPayloads(tx, eligible);
    const told = toldOf(ordered, turn);
    const ran = await isolate(turn, effect.onPoison, (events) =>
      attempt(tx, effect, { ...ordered, told }, events),
    );
    return await commitAndReport(tx, effect, ask, { log, ran, turn, told });
  });
}

async function attempt(
  tx: Transaction,
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  ordered: OrderedCall,
  events: OrderedEvent[],
): Promise<OpenOutcome[]> {
  const { told } = ordered;
  let giveUp = () => {};
  try {
    return await inTime(ordered, () =>
      tx.transaction(async (savepoint) => {
        // An effect that goes on after it was given up must not reach a connection that is somebody
        // else's by then.
        const lease = Proxy.revocable(savepoint, {});
        giveUp = lease.revoke;
        const open = asWaits((await effect.transact(lease.proxy, events, told)) ?? [], told);
        if (isOutOfTurn(events, open, effect.onPoison)) throw new OutOfTurnError(open);
        return open;
      }),
    );
  } finally {
    giveUp();
  }
}

/** Calls the outside between two transactions, for the first event of each sequence. */
async function performTurn(
  held: HeldLocks,
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  ordered: OrderedCall,
  ask: Ask,
): Promise<Turn> {
  const { db, signal } = ordered;
  const { target } = ordered.call;
  const { log, turn } = await held.transaction(async (tx) => {
    const read = await readLog(tx, effect, ask);
    // One target is retried: other events have no turn.
    const log = target === undefined ? read : read.filter((entry) => entry.mine);
    const eligible = eligibleEvents(log, effect.onPoison, { most: ask.most, oneEach: true });
    return { log, turn: await readPayloads(tx, eligible) };
  });
  const told = toldOf(ordered, turn);
  const call = { ...told, db, target, signal };
  const ran = await isolate(turn, effect.onPoison, (events) =>
    inTime(ordered, async () => asWaits((await effect.perform(events, call)) ?? [], call)),
  );
  return await held.transaction(async (tx) =>
    target === undefined
      ? await commitAndReport(tx, effect, ask, { log, ran, turn, told })
      : await commitTargetTurn(tx, effect, target, { log, ran, turn, told }),
  );
}

/**
 * What the effect is told of a turn. Its `attempt` is above all that it was told of these events
 * before, whichever calls they came by.
 */
function toldOf({ told }: OrderedCall, turn: Entry[]): Call {
  const attempts = turn.map(({ last_attempt }) => (last_attempt ?? 0) + 1);
  return { ...told, attempt: Math.max(told.attempt ?? 1, ...attempts) };
}

/** Ends an attempt before its caller gives up: its locks are free by then, and the reason known. */
async function inTime<T>({ began, effect }: OrderedCall, attempt: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const { idleMs, statementMs } = lockRequest(effect, []);
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TimeLimitError('the effect did not answer in time')),
      Math.max(1, began + statementMs - started),
    );
  });
  try {
    return await Promise.race([attempt(), tooLate]);
  } catch (error) {
    // The database has ended the transaction of an effect that was not heard of for so long.
    if (isDatabaseAway(error) && performance.now() - started >= idleMs)
      throw new TimeLimitError(
        'the effect was busy with other things than the database for too long',
      );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What a turn read, which of it was tried, as what, and what became of that. */
interface TurnRecord {
  log: Entry[];
  turn: Entry[];
  told: Call;
  ran: Ran;
}

async function commitAndReport(
  tx: Transaction,
  effect: Effect,
  ask: Ask,
  { log, ran, turn, told }: TurnRecord,
): Promise<Turn> {
  const { name, onPoison } = effect;
  const reports = reportsOf(log);
  const all = { done: ran.done, open: [...ran.open, ...reports] };
  const advanced = advanceCursors(log, all, onPoison);
  const once = 'transact' in effect;
  await commitTurn(tx, name, { done: [...ran.done], cursors: advanced.cursors, once });
  const others = log.filter((entry) => !entry.mine || entry.id === ask.guest);
  const unreported = new Set(others.map((entry) => entry.id));
  await recordAttempts(tx, name, ran.open, { attempt: told.attempt, unreported });
  await markReported(tx, name, reports);
  for (const waits of ask.waits(advanced, all)) await recordWaits(tx, name, waits);
  crashPoint('in-effect');
  const done = log.filter((entry) => entry.place === 'done' || ran.done.has(entry.id));
  return {
    ...advanced,
    open: all.open,
    mine: new Set(log.filter((entry) => entry.mine).map((entry) => entry.id)),
    done: new Set(done.map((entry) => entry.id)),
    own: done
      .filter((entry) => entry.mine)
      .map((entry) => ({ entry, isNew: entry.place !== 'done' })),
    moved: new Set(turn.map((entry) => entry.sequence_id)),
  };
}

/** One target was retried: neither a receipt nor a cursor comes of it. */
async function commitTargetTurn(
  tx: Transaction,
  { name }: Effect,
  target: string,
  { log, ran, turn, told }: TurnRecord,
): Promise<Turn> {
  const reports = reportsOf(log);
  for (const id of ran.done) await completeTargets(tx, name, id, [target]);
  await recordAttempts(tx, name, ran.open, { attempt: told.attempt });
  await markReported(tx, name, reports);
  const nothing = { own: [], moved: new Set<string>(), cursors: new Map(), blocking: new Map() };
  const mine = new Set(turn.map((entry) => entry.id));
  return { ...nothing, mine, done: ran.done, open: [...ran.open, ...reports] };
}
