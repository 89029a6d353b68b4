import { ApplicationFailure, Context } from '@temporalio/activity';
import { crashPoint } from '../../crash-points.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { isDatabaseAway } from '../../db/errors.ts';
import type { DomainEvent } from '../../events/index.ts';
import { type Beat, type EffectAnswer, type EffectCall, FAILURE, type OpenOutcome } from '../../transport/dispatch.ts';
import { bounded } from './bounded.ts';
import type { CallSlots } from './call-slots.ts';
import type { DatabaseEffect, Effect, OutsideEffect } from './effect.ts';
import { EventReader } from './event-reader.ts';
import type { Locks } from './locks/lock.ts';
import { postgresLocks } from './locks/postgres.ts';
import { callInOrder } from './ordering/ordered-call.ts';
import { putOff } from './outage.ts';
import { type Paging, pageByPage, readAtOnce, TooLargeError } from './paged-call.ts';
import { claimReceipts, openEvents, recordAttempts, recordFailure, settleTargets, withdrawReceipts, writeReceipts } from './receipts.ts';

type Db = Database['db'];

/** How often it is said of a call that it is under way, in ms. Its worker counts as dead after 15 s of silence. */
export const HEARTBEAT = 3000;

/** An effect as Temporal calls it: the activity. */
export function effectActivity(
  effect: Effect,
  db: Db,
  shared: Pick<Trying, 'locks' | 'reader' | 'slots'> = {},
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
  /** Of this effect's calls in this worker. */
  slots?: CallSlots;
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
  return open.some(({ target }) => target !== undefined) ? { done, open, takes_targets: true } : { done, open };
}

async function run(effect: Effect, db: Db, call: EffectCall, signal: AbortSignal, trying: Trying): Promise<EffectAnswer> {
  const { locks = postgresLocks(db), reader = new EventReader(db), attempt = 1, slots } = trying;
  if (effect.ordering !== 'none') return await oneTarget(call, (one) => callInOrder(effect, { db, locks, signal, attempt }, one));
  const paging = { reader, signal, slots, began: performance.now() };
  return await ('transact' in effect ? inTransaction(effect, db, call, paging) : outside(effect, db, call, paging));
}

/** An ordered effect takes one target a call: it holds its channel meanwhile. The other targets are called again at once. */
async function oneTarget(call: EffectCall, run: (call: EffectCall) => Promise<EffectAnswer>): Promise<EffectAnswer> {
  const { targets, ...one } = call;
  const [target, ...others] = targets ?? [];
  if (target === undefined) return await run(call);
  const { open, ...answer } = await run({ ...one, target });
  const ids = 'ids' in call.events ? call.events.ids : [];
  const until = new Date().toISOString();
  const waiting = others.flatMap((other) =>
    ids.map((event_id): OpenOutcome => ({ event_id, target: other, state: 'later', until, in_ms: 0 })),
  );
  return { ...answer, open: [...of(target, open), ...waiting] };
}

/** Whatever is said of the event was said of this target. */
const of = (target: string, open: OpenOutcome[]): OpenOutcome[] =>
  open.map((outcome) => ({ ...outcome, target: outcome.target ?? target }));

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
    const { cause, reason } = explain(error);
    // A group is halved next, so its events have not been tried each for itself.
    if (call.alone) await recordFailure(db, call, reason).catch(() => {});
    throw ApplicationFailure.create({ type: FAILURE.poison, message: reason, details: [cause], cause: asError(error) });
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

/** At least once: a crash between the call and its receipt makes the call again, under the same id. */
async function outside(effect: Effect & Pick<OutsideEffect, 'perform'>, db: Db, call: EffectCall, paging: Paging): Promise<EffectAnswer> {
  const reading = readAtOnce(effect, call, paging);
  const stillOpen = openEvents(db, call);
  stillOpen.catch(() => {});
  const onlyWaits = saidOnce(paging.slots);
  const perform = async (events: DomainEvent[]) => {
    const performing = { events, signal: paging.signal, onlyWaits: onlyWaits.say, stillOpen: await stillOpen };
    if (call.targets && !effect.manyTargets) return await performEach(effect, db, call, call.targets, performing);
    return await performAll(effect, db, call, performing);
  };
  try {
    const { events, release } = await reading;
    return await perform(events).finally(release);
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    return await pageByPage(effect, call, error.pages, paging, (_, events) => perform(events));
  } finally {
    onlyWaits.end();
  }
}

/** What a call to the outside is made with. */
interface Performing {
  events: DomainEvent[];
  /** The ids of those that have no receipt. */
  stillOpen: Set<string>;
  signal: AbortSignal;
  onlyWaits(): void;
}

/** Each target for itself: what one of them throws is a try of its own. */
async function performEach(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  targets: string[],
  performing: Performing,
): Promise<EffectAnswer> {
  const performed = targets.map(async (target): Promise<EffectAnswer> => {
    const one = { ...call, target, targets: undefined };
    try {
      const { done, open } = await performAll(effect, db, one, performing);
      return { done, open: of(target, open) };
    } catch (error) {
      if (performing.signal.aborted || isDatabaseAway(error)) throw error;
      const { cause, reason } = explain(error);
      await recordFailure(db, one, reason).catch(() => {});
      return { done: 0, open: performing.events.map(({ id }) => ({ event_id: id, target, state: 'retry', reason, cause })) };
    }
  });
  // The others are seen through first, also where the database is away for one of them.
  await Promise.allSettled(performed);
  const answers = await Promise.all(performed);
  const open = answers.flatMap((answer) => answer.open);
  return { done: open.length === 0 ? 1 : 0, open };
}

async function performAll(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  { events: all, stillOpen, signal, onlyWaits }: Performing,
): Promise<EffectAnswer> {
  const events = all.filter((event) => stillOpen.has(event.id));
  if (events.length === 0) return { done: 0, open: [] };
  const { target, targets } = call;
  const told = { db, target, targets, signal, onlyWaits, parts: mayPart(call, events) };
  const open = shared(events, (await effect.perform(events, told)) ?? []);
  crashPoint('in-effect');
  await recordAttempts(db, effect.name, open, 'lazily');
  const unsettled = new Set(open.map((outcome) => outcome.event_id));
  const done = events.filter((event) => !unsettled.has(event.id)).map((event) => event.id);
  const asked = targets ?? (target === undefined ? undefined : [target]);
  if (!asked) await writeReceipts(db, effect.name, done);
  else for (const { id } of events) await settleTargets(db, effect.name, id, settledOf(asked, id, open));
  return { done: done.length, open };
}

/** From when it is said that a call only waits, until its end, it keeps no other from being begun. */
function saidOnce(slots?: CallSlots): { say(): void; end(): void } {
  let worksAgain: (() => void) | undefined;
  return {
    say: () => {
      worksAgain ??= slots?.waits();
    },
    end: () => worksAgain?.(),
  };
}

/** Says whose each outcome is, so that nobody waits for all of another's: by the end of the workspace's id, which is its random part. */
function shared(events: DomainEvent[], open: OpenOutcome[]): OpenOutcome[] {
  if (open.length === 0) return open;
  const shares = new Map(events.map((event) => [event.id, shareOf(event)]));
  return open.map((outcome) => ({ ...outcome, share: shares.get(outcome.event_id) }));
}

/** Those of an event's targets of which nothing is left open. */
function settledOf(targets: string[], eventId: string, open: OpenOutcome[]): string[] {
  const own = open.filter((outcome) => outcome.event_id === eventId);
  if (own.some(({ target }) => target === undefined)) return [];
  return targets.filter((target) => !own.some((outcome) => outcome.target === target));
}

/** At the first call alone: events that are called again by their ids are one workspace's, or have been parted before. */
const mayPart = ({ events }: EffectCall, read: DomainEvent[]): boolean => 'offset' in events && new Set(read.map(shareOf)).size > 1;

const shareOf = ({ workspace_id }: DomainEvent) => workspace_id.slice(-8);

const countEvents = (open: OpenOutcome[]) => new Set(open.map((outcome) => outcome.event_id)).size;

function explain(error: unknown): { cause: string; reason: string } {
  const reason = error instanceof Error ? error.message : String(error);
  return { cause: `${error instanceof Error ? error.name : 'error'}: ${reason}`, reason };
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
