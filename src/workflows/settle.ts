import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { Beat, Dispatch, EffectAnswer, OpenOutcome, Selection, SubscriberSpec } from '../transport/dispatch.ts';
import { count, halves, sortOut } from '../transport/selection.ts';
import { type About, bury, callEffect } from './calls.ts';
import { type Dead, explainFailure, killsWorkers, lastBeat, noneDead, sum } from './reckoning.ts';
import type { Slots } from './slots.ts';

/** One dispatch's way to one subscriber. */
export interface Leg {
  dispatch: Dispatch;
  subscriber: SubscriberSpec;
  slots: Slots;
  /** What is to be seen through by the workflow's next run; unset while this one goes on. */
  left?: Selection[];
}

/** Workers that may die of one event before it is given up: the next one would take others' work down with it again. */
const DEATHS = 3;

/** Sees these events through to the end. A cancelled workflow leaves a dead letter for what it has not done. */
export async function settleAll(leg: Leg, selections: Selection[]): Promise<Dead> {
  try {
    return sum(await Promise.all(selections.map((events) => settle(leg, events))));
  } catch (error) {
    if (isCancellation(error)) {
      const all = { offset: 0, limit: leg.dispatch.size };
      await CancellationScope.nonCancellable(() => bury(leg, all, { cause: 'cancelled', reason: 'the workflow was cancelled' }));
    }
    throw error;
  }
}

/** Calls the effect for these events and follows up what it leaves open. A call that fails as a whole is halved until the culprit is alone. */
async function settle(leg: Leg, events: Selection, about: About = {}): Promise<Dead> {
  let answer: EffectAnswer;
  try {
    answer = await leg.slots.use(() => callEffect(leg, events, about));
  } catch (error) {
    if (isCancellation(error)) return leave(leg, events, error);
    return await afterFailure(leg, events, about, error);
  }
  if (answer.put_off !== undefined) return await after(leg, until(answer.put_off), events, about);
  return await followUp(leg, answer.open);
}

async function afterFailure(leg: Leg, events: Selection, { target, tried = 0, deaths = 0 }: About, error: unknown): Promise<Dead> {
  const isDeadly = killsWorkers(error);
  if (isDeadly && isBystander(error, deaths)) return await after(leg, leg.subscriber.retry.initial_ms, events, { target, tried, deaths });
  if (count(events) > 1) {
    const suspects = isDeadly ? { deaths: 1 } : {};
    return sum(await Promise.all(halves(events).map((half) => settle(leg, half, suspects))));
  }
  const { attempts, initial_ms } = leg.subscriber.retry;
  if (isDeadly && deaths + 1 < DEATHS && tried + 1 !== attempts)
    return await after(leg, initial_ms, events, { target, tried: tried + 1, deaths: deaths + 1 });
  return await giveUp(leg, events, { ...explainFailure(error), target });
}

/** Whether the worker had only taken a suspected call. Of others it is not told: they are suspected from then on. */
function isBystander(error: unknown, deaths: number): boolean {
  if (patched('begun-is-told')) return deaths > 0 && lastBeat(error) !== ('begun' satisfies Beat);
  return lastBeat(error) === ('not begun' satisfies Beat);
}

async function followUp(leg: Leg, open: OpenOutcome[]): Promise<Dead> {
  const { later, alone: each, targets } = sortOut(open);
  const settled = await Promise.all([
    ...[...later].map(([moment, ids]) => again(leg, moment, { ids })),
    ...each.map((outcome) => alone(leg, outcome)),
    ...[...targets].map(([id, outcomes]) => eachTarget(leg, id, outcomes)),
  ]);
  return sum(settled);
}

/** Waits by a durable timer, then calls again. */
async function again(leg: Leg, moment: string, events: Selection, target?: string): Promise<Dead> {
  return await after(leg, until(moment), events, { target });
}

/** How long until a moment, in ms. */
const until = (moment: string) => Math.max(0, Date.parse(moment) - Date.now());

/** One event, or one target of it: its retries are Temporal's. */
async function alone(leg: Leg, outcome: OpenOutcome): Promise<Dead> {
  const events = { ids: [outcome.event_id] };
  const { target } = outcome;
  if (outcome.state === 'later') return await again(leg, outcome.until, events, target);
  const { attempts, initial_ms } = leg.subscriber.retry;
  if (outcome.state === 'dead' || attempts === 1) {
    return await giveUp(leg, events, { cause: outcome.cause ?? outcome.reason, reason: outcome.reason, target });
  }
  return await after(leg, outcome.after_ms ?? initial_ms, events, { target, tried: 1 });
}

/** Each of an event's outside parties alone; once all are settled the event itself, for its receipt. */
async function eachTarget(leg: Leg, id: string, outcomes: OpenOutcome[]): Promise<Dead> {
  const dead = sum(await Promise.all(outcomes.map((outcome) => alone(leg, outcome))));
  if (dead.events > 0) return { ...dead, events: 1 };
  return sum([noneDead, await settle(leg, { ids: [id] })]);
}

async function after(leg: Leg, ms: number, events: Selection, about: About): Promise<Dead> {
  try {
    await sleep(ms);
  } catch (error) {
    return leave(leg, events, error);
  }
  return await settle(leg, events, about);
}

/** Gives up on events: dead letters for them. */
async function giveUp(leg: Leg, events: Selection, why: { cause: string; reason: string; target?: string }): Promise<Dead> {
  try {
    return await bury(leg, events, why);
  } catch (error) {
    return leave(leg, events, error);
  }
}

/** Events that were interrupted belong to the next run, if there is one. */
function leave(leg: Leg, events: Selection, error: unknown): Dead {
  if (!leg.left || !isCancellation(error)) throw error;
  leg.left.push(events);
  return noneDead;
}
