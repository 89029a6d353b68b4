import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Dispatch } from '../transport/dispatch.ts';
import { type Dead, noneDead, sum } from './dead-letter-box.ts';
import { finishLeg } from './follow-up.ts';
import { type HandOver, handOver, takeOver, wholeDispatch } from './hand-over.ts';
import { Leg } from './leg.ts';
import { clearOpenLetters } from './open-letters.ts';
import { Slots } from './slots.ts';
import { Timers } from './timers.ts';

const drop = defineSignal<[name: string]>('drop');

/** Calls of all subscribers that one workflow has pending at once; Temporal allows 2,000. */
const CALLS_AT_ONCE = 1800;

/**
 * History events after which a run hands over to the next. Temporal ends a run of 51,200; pending
 * calls may still add some 10,000.
 */
const EVENTS_A_RUN = 10_000;

/**
 * How long a run that hands over waits for its pending calls, in ms: the next run would make them
 * once more.
 */
const LAST_CALLS = 30_000;

/**
 * Calls every subscriber's activity and follows up each event: it is tried again alone, waited for,
 * or becomes a dead letter. The subscribers don't wait for one another. A signal may drop one of
 * them.
 *
 * A run whose history grows long ends its waits and continues as a new run with what is open.
 *
 * @throws ApplicationFailure `EffectsFailed` at the end, where there are dead letters
 */
export async function fanOut(dispatch: Dispatch, before?: HandOver): Promise<void> {
  const scope = new CancellationScope();
  const timers = new Timers(scope);
  const legs = legsOf(dispatch, timers);
  setHandler(drop, (name) => legs.find(({ subscriber }) => subscriber.name === name)?.drop());

  const finished = scope.run(() =>
    Promise.all(legs.map((leg) => leg.unlessDropped(() => finishLeg(leg, taskOf(leg, before))))),
  );
  const interrupted = isHistoryLong().then(() => interrupt(legs, { scope, timers, finished }));
  await Promise.race([finished, interrupted]);

  const dead = addUp(legs, before, await finished);
  const rest = restOf(legs);
  if (Object.keys(rest).length > 0)
    await makeContinueAsNewFunc<typeof fanOut>()(dispatch, { rest, dead });
  conclude(dispatch, dead);
}

function legsOf(dispatch: Dispatch, timers: Timers): Leg[] {
  const { subscribers } = dispatch;
  const share = Math.max(1, Math.floor(CALLS_AT_ONCE / subscribers.length));
  return subscribers.map(
    (subscriber) => new Leg(dispatch, subscriber, { slots: new Slots(share), timers }),
  );
}

/** All events at first; in a later run, what the run before has left. */
function taskOf({ dispatch, subscriber: { name, batch } }: Leg, before: HandOver | undefined) {
  return before ? takeOver(before.rest[name] ?? {}, batch) : wholeDispatch(dispatch.size, batch);
}

const isHistoryLong = () =>
  CancellationScope.nonCancellable(() =>
    condition(() => workflowInfo().historyLength > EVENTS_A_RUN),
  );

interface Ending {
  scope: CancellationScope;
  timers: Timers;
  finished: Promise<unknown>;
}

async function interrupt(legs: Leg[], { scope, timers, finished }: Ending): Promise<void> {
  for (const leg of legs) leg.endRun();
  timers.cancel();
  await CancellationScope.nonCancellable(() => Promise.race([finished, sleep(LAST_CALLS)]));
  scope.cancel();
}

/** Dead letters by subscriber, of this run and of those before it. */
function addUp(legs: Leg[], before: HandOver | undefined, dead: Dead[]): Record<string, Dead> {
  return Object.fromEntries(
    legs.map(({ subscriber: { name } }, i) => [
      name,
      sum([before?.dead[name] ?? noneDead, dead[i] ?? noneDead]),
    ]),
  );
}

/** What the next run has to do, by subscriber. */
const restOf = (legs: Leg[]): HandOver['rest'] =>
  Object.fromEntries(
    legs
      .filter(({ left }) => left.length > 0)
      .map(({ subscriber, left }) => [subscriber.name, handOver(left)]),
  );

function conclude(dispatch: Dispatch, dead: Record<string, Dead>): void {
  const failed = Object.entries(dead).filter(([, { events }]) => events > 0);
  if (failed.length === 0) return;
  clearOpenLetters();
  throw ApplicationFailure.create({
    type: 'EffectsFailed',
    nonRetryable: true,
    message: explain(dispatch, failed),
  });
}

/** The workflow's failure, as people read it in the Temporal UI. */
function explain({ size, type }: Dispatch, failed: [name: string, dead: Dead][]): string {
  const parts = failed.map(([name, { events, reason = 'no reason given' }]) => {
    const which = size === 1 ? `the ${type} event` : `${events} of ${size} ${type} events`;
    return `${name} gave up on ${which}: ${reason}`;
  });
  return (
    `${parts.join('; ')}. Remove the cause, then reset this workflow to its first workflow task: ` +
    'what is done stays done.'
  );
}
