import { ApplicationFailure, Context } from '@temporalio/activity';
import { crashPoint } from '../../crash-points.ts';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { type Beat, type EffectAnswer, type EffectCall, FAILURE, type OpenOutcome } from '../../transport/dispatch.ts';
import { bounded } from './bounded.ts';
import type { DatabaseEffect, Effect, OutsideEffect } from './effect.ts';
import { EventReader } from './event-reader.ts';
import type { Locks } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { callInOrder } from './ordering/ordered-call.ts';
import { putOff } from './outage.ts';
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
 *   `EffectPoison` where the effect threw
 */
export async function answer(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying = {}): Promise<EffectAnswer> {
  const answered = await tried(effect, { db, call, signal }, () => run(effect, db, call, signal, trying));
  if (answered.put_off !== undefined) return answered;
  const { done } = answered;
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
  return { done, open };
}

async function run(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying): Promise<EffectAnswer> {
  const { locks = postgresLocks(db), reader = new EventReader(db), attempt = 1 } = trying;
  if (effect.ordering !== 'none') return await callInOrder(effect, { db, locks, signal, attempt }, call);
  return await ('transact' in effect ? inTransaction(effect, db, call, reader) : outside(effect, db, call, { signal, reader }));
}

/** Longest that a call is held while the database is away, in ms, and the part of its time that it is held at most. */
const HELD = { atMost: 20_000, part: 0.5 };

async function tried(
  { timeout_ms }: Effect,
  { db, call, signal }: { db: Db; call: EffectCall; signal: AbortSignal },
  run: () => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const heldUntil = performance.now() + Math.min(HELD.atMost, timeout_ms * HELD.part);
  try {
    return await run();
  } catch (error) {
    const unmade = await putOff({ error, db, signal, atMostMs: heldUntil - performance.now() });
    if (unmade) return unmade;
    const reason = error instanceof Error ? error.message : String(error);
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
  const open = shared(events, (await effect.perform(events, { db, target, signal })) ?? []);
  crashPoint('in-effect');
  await recordAttempts(db, effect.name, open);
  const unsettled = new Set(open.map((outcome) => outcome.event_id));
  const done = events.filter((event) => !unsettled.has(event.id)).map((event) => event.id);
  if (target === undefined) await writeReceipts(db, effect.name, done);
  else for (const id of done) await settleTarget(db, effect.name, id, target);
  return { done: done.length, open };
}

/** Says whose each outcome is, so that nobody waits for all of another's: by the end of the workspace's id, which is its random part. */
function shared(events: DomainEvent[], open: OpenOutcome[]): OpenOutcome[] {
  if (open.length === 0) return open;
  const shares = new Map(events.map(({ id, workspace_id }) => [id, workspace_id.slice(-8)]));
  return open.map((outcome) => ({ ...outcome, share: shares.get(outcome.event_id) }));
}

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
