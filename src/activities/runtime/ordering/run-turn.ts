import { crashPoint } from '../../../crash-points.ts';
import type { Transaction } from '../../../db/client.ts';
import { isDatabaseAway } from '../../../db/errors.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import {
  asWaits,
  type Call,
  type DatabaseEffect,
  type Effect,
  type OutsideCall,
  type OutsideEffect,
} from '../effect.ts';
import type { HeldLocks } from '../locks/lock.ts';
import { recordAttempts, settleTargets } from '../receipts.ts';
import { type Entry, type Reading, readLog, readPayloads } from './channel-log.ts';
import { isOutOfTurn, isolate, OutOfTurnError, TimeLimitError } from './isolate.ts';
import { type AdvancedCursors, advanceCursors, eligibleEvents, type Ran } from './plan-turn.ts';
import { commitTurn, recordWaits, type Waits } from './store.ts';

/** What a turn is about. */
export interface Ask extends Reading {
  /** Most events. */
  most: number;
  /** When the effect must have answered, on the clock of `performance.now()`. */
  deadline: number;
  idleMs: number;
  /** What the effect is told of the call. */
  told: Call;
  /**
   * Which of the call's events wait, and until when, once the cursors have advanced.
   */
  waits(advanced: AdvancedCursors, ran: Ran): Waits[];
}

/** What a turn came to. */
export interface Turn extends AdvancedCursors {
  /** Events that have their receipt: by this turn, or before it. */
  settled: Set<string>;
  /** Of these, the call's own; and whether it was done by this turn. */
  own: { entry: Entry; isNew: boolean }[];
  open: OpenOutcome[];
  /** The call's own events that it came across. */
  mine: Set<string>;
  /** Channels of which something was done. */
  moved: Set<string | null>;
}

/** Does the events whose turn it is, in one transaction with their receipts. */
export async function transactTurn(
  held: HeldLocks,
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  ask: Ask,
): Promise<Turn> {
  return await held.transaction(async (tx) => {
    const log = await readLog(tx, effect, ask);
    const turn = await readPayloads(
      tx,
      eligibleEvents(log, effect.onPoison, { most: ask.most, oneEach: false }),
    );
    const ran = await isolate(turn, effect.onPoison, (events) => attempt(tx, effect, ask, events));
    return await keepBooks(tx, effect, ask, { log, ran, turn });
  });
}

async function attempt(
  tx: Transaction,
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  ask: Ask,
  events: DomainEvent[],
) {
  let giveUp = () => {};
  try {
    return await inTime(ask, () =>
      tx.transaction(async (savepoint) => {
        // An effect that goes on after it was given up must not reach a connection that is somebody
        // else's by then.
        const lease = Proxy.revocable(savepoint, {});
        giveUp = lease.revoke;
        const open = asWaits(
          (await effect.transact(lease.proxy, events, ask.told)) ?? [],
          ask.told,
        );
        if (isOutOfTurn(events, open, effect.onPoison)) throw new OutOfTurnError(open);
        return open;
      }),
    );
  } finally {
    giveUp();
  }
}

/**
 * Calls the outside for the first event of each channel; its receipts are written while the
 * channels are still held.
 */
export async function performTurn(
  held: HeldLocks,
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  ask: Ask,
  call: OutsideCall,
): Promise<Turn> {
  const { log, turn } = await held.transaction(async (tx) => {
    const read = await readLog(tx, effect, ask);
    // One party of an event is tried again: nobody else's turn.
    const log = call.target === undefined ? read : read.filter((entry) => entry.mine);
    return {
      log,
      turn: await readPayloads(
        tx,
        eligibleEvents(log, effect.onPoison, { most: ask.most, oneEach: true }),
      ),
    };
  });
  const ran = await isolate(turn, effect.onPoison, (events) =>
    inTime(ask, async () => asWaits((await effect.perform(events, call)) ?? [], call)),
  );
  return await held.transaction(async (tx) => {
    if (call.target === undefined) return await keepBooks(tx, effect, ask, { log, ran, turn });
    for (const id of ran.done) await settleTargets(tx, effect.name, id, [call.target]);
    await recordAttempts(tx, effect.name, ran.open);
    return {
      settled: ran.done,
      own: [],
      mine: new Set(turn.map((entry) => entry.id)),
      open: ran.open,
      moved: new Set(),
      cursors: new Map(),
      heads: new Map(),
    };
  });
}

async function keepBooks(
  tx: Transaction,
  effect: Effect,
  ask: Ask,
  { log, ran, turn }: { log: Entry[]; ran: Ran; turn: Entry[] },
): Promise<Turn> {
  const advanced = advanceCursors(log, ran, effect.onPoison);
  await commitTurn(tx, effect.name, {
    done: [...ran.done],
    cursors: advanced.cursors,
    once: 'transact' in effect,
  });
  await recordAttempts(tx, effect.name, ran.open);
  for (const waits of ask.waits(advanced, ran)) await recordWaits(tx, effect.name, waits);
  crashPoint('in-effect');
  const settled = log.filter((entry) => entry.place === 'done' || ran.done.has(entry.id));
  const own = settled
    .filter((entry) => entry.mine)
    .map((entry) => ({ entry, isNew: entry.place !== 'done' }));
  const moved = new Set(turn.map((entry) => entry.channel_id));
  const mine = new Set(log.filter((entry) => entry.mine).map((entry) => entry.id));
  return {
    ...advanced,
    open: ran.open,
    mine,
    settled: new Set(settled.map((entry) => entry.id)),
    own,
    moved,
  };
}

/**
 * Ends an attempt that does not answer before its caller gives up. So its locks are free by then,
 * and the reason is known.
 */
async function inTime<T>({ deadline, idleMs }: Ask, attempt: () => Promise<T>): Promise<T> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TimeLimitError('the effect did not answer in time')),
      Math.max(1, deadline - began),
    );
  });
  try {
    return await Promise.race([attempt(), tooLate]);
  } catch (error) {
    // The database has ended the transaction of an effect that was not heard of for so long.
    if (isDatabaseAway(error) && performance.now() - began >= idleMs)
      throw new TimeLimitError(
        'the effect was busy with other things than the database for too long',
      );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
