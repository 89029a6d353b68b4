import { defineSearchAttributeKey } from '@temporalio/common';
import { ApplicationFailure, CancellationScope, isCancellation, sleep, upsertSearchAttributes } from '@temporalio/workflow';
import type { Dispatch, OpenOutcome, Selection, SubscriberSpec } from '../transport/dispatch.ts';
import { count, halves, slices, sortOut } from '../transport/selection.ts';
import { bury, callEffect } from './calls.ts';
import { type Dead, explainDead, explainFailure, noneDead, sum } from './reckoning.ts';
import { Slots } from './slots.ts';

const failedEffects = defineSearchAttributeKey('FailedEffects', 'KEYWORD_LIST');

/** Calls of all subscribers that are under way at once, in one workflow. */
const CALLS_AT_ONCE = 1800;

/** One dispatch's way to one subscriber. */
interface Leg {
  dispatch: Dispatch;
  subscriber: SubscriberSpec;
  slots: Slots;
}

/**
 * Calls every subscriber's activity, and sees each event through: retried alone, waited for, or buried as a dead letter.
 * The subscribers don't wait for one another. Fails at the end, when all is settled, where there are dead letters.
 */
export async function fanOut(dispatch: Dispatch): Promise<void> {
  const share = Math.max(1, Math.floor(CALLS_AT_ONCE / dispatch.subscribers.length));
  const legs = dispatch.subscribers.map((subscriber) => ({ dispatch, subscriber, slots: new Slots(share) }));
  const dead = await Promise.all(legs.map(run));
  const failed = legs.flatMap(({ subscriber }, i) => (dead[i]?.events ? [{ name: subscriber.name, dead: dead[i] }] : []));
  if (failed.length === 0) return;
  upsertSearchAttributes([{ key: failedEffects, value: failed.map(({ name }) => name) }]);
  throw ApplicationFailure.create({ type: 'EffectsFailed', nonRetryable: true, message: explainDead(dispatch, failed) });
}

async function run(leg: Leg): Promise<Dead> {
  try {
    const { size } = leg.dispatch;
    return sum(await Promise.all(slices(size, leg.subscriber.batch).map((slice) => settle(leg, slice))));
  } catch (error) {
    if (isCancellation(error)) {
      const all = { offset: 0, limit: leg.dispatch.size };
      await CancellationScope.nonCancellable(() => bury(leg, all, { cause: 'cancelled', reason: 'the workflow was cancelled' }));
    }
    throw error;
  }
}

/** Calls the effect for these events and follows up what it leaves open. A call that fails as a whole is halved until the culprit is alone. */
async function settle(leg: Leg, events: Selection, options: { target?: string; tried?: number } = {}): Promise<Dead> {
  let open: OpenOutcome[];
  try {
    ({ open } = await leg.slots.use(() => callEffect(leg, events, options)));
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (count(events) > 1) return sum(await Promise.all(halves(events).map((half) => settle(leg, half))));
    return await bury(leg, events, { ...explainFailure(error), target: options.target });
  }
  return await followUp(leg, open);
}

async function followUp(leg: Leg, open: OpenOutcome[]): Promise<Dead> {
  const { later, alone: each, targets } = sortOut(open);
  const settled = await Promise.all([
    ...[...later].map(([until, ids]) => again(leg, until, { ids })),
    ...each.map((outcome) => alone(leg, outcome)),
    ...[...targets].map(([id, outcomes]) => eachTarget(leg, id, outcomes)),
  ]);
  return sum(settled);
}

/** Waits by a durable timer, then calls again. */
async function again(leg: Leg, until: string, events: Selection, target?: string): Promise<Dead> {
  await sleep(Math.max(0, Date.parse(until) - Date.now()));
  return await settle(leg, events, { target });
}

/** One event, or one target of it: its retries are Temporal's. */
async function alone(leg: Leg, outcome: OpenOutcome): Promise<Dead> {
  const events = { ids: [outcome.event_id] };
  const { target } = outcome;
  if (outcome.state === 'later') return await again(leg, outcome.until, events, target);
  const { attempts, initial_ms } = leg.subscriber.retry;
  if (outcome.state === 'dead' || attempts === 1) {
    return await bury(leg, events, { cause: outcome.cause ?? outcome.reason, reason: outcome.reason, target });
  }
  await sleep(outcome.after_ms ?? initial_ms);
  return await settle(leg, events, { target, tried: 1 });
}

/** Each of an event's outside parties alone; once all are settled the event itself, for its receipt. */
async function eachTarget(leg: Leg, id: string, outcomes: OpenOutcome[]): Promise<Dead> {
  const dead = sum(await Promise.all(outcomes.map((outcome) => alone(leg, outcome))));
  if (dead.events > 0) return { ...dead, events: 1 };
  return sum([noneDead, await settle(leg, { ids: [id] })]);
}
