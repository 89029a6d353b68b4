import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Dispatch } from '../transport/dispatch.ts';
import { concludeLetters } from './dead-letters.ts';
import { type HandOver, handOver, takeOver, wholeDispatch } from './hand-over.ts';
import { Leg } from './leg.ts';
import { type Dead, explainDead, noneDead, sum } from './reckoning.ts';
import { settleAll } from './settle.ts';
import { Slots } from './slots.ts';
import { Timers } from './timers.ts';

const drop = defineSignal<[name: string]>('drop');

/** Calls of all subscribers that are under way at once, in one workflow; Temporal allows 2,000. */
const CALLS_AT_ONCE = 1800;

/**
 * History events after which a run hands over to the next. Temporal ends one of 51,200; what is
 * under way may still add some 10,000.
 */
const EVENTS_A_RUN = 10_000;

/**
 * How long a run that hands over lets the calls come to their end that are under way, in ms: the
 * next would make them once more.
 */
const LAST_CALLS = 30_000;

/**
 * Calls every subscriber's activity, and sees each event through: retried alone, waited for, or
 * buried as a dead letter. The subscribers don't wait for one another, and one that is dropped by a
 * signal leaves the others alone. Fails at the end, when all is settled, where there are dead
 * letters.
 *
 * A run whose history grows long interrupts its waits and goes on as a new run with what is not
 * settled.
 */
export async function fanOut(dispatch: Dispatch, before?: HandOver): Promise<void> {
  const share = Math.max(1, Math.floor(CALLS_AT_ONCE / dispatch.subscribers.length));
  const scope = new CancellationScope();
  const timers = new Timers(scope);
  const legs = dispatch.subscribers.map(
    (subscriber) => new Leg(dispatch, subscriber, { slots: new Slots(share), timers }),
  );
  setHandler(drop, (name) => legs.find(({ subscriber }) => subscriber.name === name)?.drop());
  const settled = scope.run(() =>
    Promise.all(legs.map((leg) => leg.unlessDropped(() => settleAll(leg, begin(leg, before))))),
  );
  await Promise.race([settled, isLong().then(() => interrupt(legs, { scope, timers, settled }))]);
  const now = await settled;
  const dead = Object.fromEntries(
    legs.map(({ subscriber: { name } }, i) => [
      name,
      sum([before?.dead[name] ?? noneDead, now[i] ?? noneDead]),
    ]),
  );
  const rest = Object.fromEntries(
    legs.flatMap(({ subscriber: { name }, left }) =>
      left.length > 0 ? [[name, handOver(left)]] : [],
    ),
  );
  if (Object.keys(rest).length > 0)
    await makeContinueAsNewFunc<typeof fanOut>()(dispatch, { rest, dead });
  conclude(dispatch, dead);
}

const isLong = () =>
  CancellationScope.nonCancellable(() =>
    condition(() => workflowInfo().historyLength > EVENTS_A_RUN),
  );

/** All events at first; in a later run what the one before has left. */
function begin({ dispatch, subscriber: { name, batch } }: Leg, before: HandOver | undefined) {
  return before ? takeOver(before.rest[name] ?? {}, batch) : wholeDispatch(dispatch.size, batch);
}

interface Ending {
  scope: CancellationScope;
  timers: Timers;
  settled: Promise<unknown>;
}

async function interrupt(legs: Leg[], { scope, timers, settled }: Ending): Promise<void> {
  for (const leg of legs) leg.endRun();
  if (patched('waits-between-tries')) {
    timers.cancel();
    await CancellationScope.nonCancellable(() => Promise.race([settled, sleep(LAST_CALLS)]));
  }
  scope.cancel();
}

function conclude(dispatch: Dispatch, dead: Record<string, Dead>): void {
  const failed = Object.entries(dead).flatMap(([name, those]) =>
    those.events > 0 ? [{ name, dead: those }] : [],
  );
  if (failed.length === 0) return;
  concludeLetters(failed.map(({ name }) => name));
  throw ApplicationFailure.create({
    type: 'EffectsFailed',
    nonRetryable: true,
    message: explainDead(dispatch, failed),
  });
}
