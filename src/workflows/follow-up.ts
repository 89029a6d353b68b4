import { isCancellation } from '@temporalio/workflow';
import type { EffectAnswer } from '../transport/dispatch.ts';
import {
  afterAnswer,
  afterFailure,
  type DeadLetter,
  type PendingCall,
  type RetryContext,
  type Step,
} from '../transport/retry/next-steps.ts';
import { count } from '../transport/retry/selection.ts';
import { type Dead, noneDead, sum } from './dead-letter-box.ts';
import { failureOf, hasWorkerDied } from './failures.ts';
import type { Resumed, Task } from './hand-over.ts';
import type { Leg } from './leg.ts';
import { MergedCallError } from './target-calls.ts';

/**
 * Makes a subscriber's calls and follows up each, until nothing is open. A cancelled workflow
 * leaves dead letters for what is not done.
 */
export async function finishLeg(leg: Leg, { fresh, tried, targets }: Task): Promise<Dead> {
  try {
    const dead = await Promise.all([
      ...fresh.map((events) => makeCall(leg, firstCall(leg, events))),
      ...tried.map((one) => resume(leg, one)),
      ...[...targets].map(([id, some]) => resumeTargets(leg, id, some)),
    ]);
    return sum(dead);
  } catch (error) {
    if (isCancellation(error) && !leg.isDropped) await leg.letters.postAll();
    throw error;
  }
}

/**
 * Temporal may repeat the first call of a dispatch's only event, as it holds up no other. The
 * single events of a larger dispatch give their slots back between tries.
 */
function firstCall({ dispatch }: Leg, events: PendingCall['events']): PendingCall {
  const once = dispatch.size > 1 && count(events) === 1;
  return { events, tried: 0, ...(once && { once }) };
}

/** Makes a call, then takes the steps that follow from it. */
async function makeCall(leg: Leg, call: PendingCall): Promise<Dead> {
  if (leg.isEnding) return leg.leave(call);
  let answer: EffectAnswer | undefined;
  try {
    answer = await callOf(leg, call);
  } catch (error) {
    if (isCancellation(error)) return leg.interrupted(error, call);
    if (error instanceof MergedCallError) return await makeCall(leg, callAlone(call, error));
    return await takeSteps(leg, afterFailure(call, failureOf(error, call), contextOf(leg)));
  }
  if (!answer) return leg.leave(call);
  return await takeSteps(leg, afterAnswer(call, answer, contextOf(leg)));
}

/** A suspect is called alone, so that no other target fails with it. */
async function callOf(leg: Leg, call: PendingCall): Promise<EffectAnswer | undefined> {
  const { events, target, mergesTargets, deaths } = call;
  const isMerged = mergesTargets && deaths === undefined && 'ids' in events;
  if (target === undefined || !isMerged) return await leg.call(call);
  return await leg.targets.call(events.ids[0] ?? '', { ...call, target });
}

/**
 * A failed call for several targets says nothing of each: each is called alone next, and has used
 * up no try.
 */
function callAlone({ mergesTargets: _, ...call }: PendingCall, { cause }: MergedCallError) {
  return { ...call, ...(hasWorkerDied(cause, true) && { deaths: 0 }) };
}

/** The workflow's clock and random numbers, which are the same in a replay. */
const contextOf = ({ subscriber }: Leg): RetryContext => ({
  policy: subscriber.retry,
  now: Date.now(),
  random: Math.random,
  sharesTimers: true,
});

async function takeSteps(leg: Leg, steps: Step[]): Promise<Dead> {
  if (steps.length === 0) return noneDead;
  return sum(await Promise.all(steps.map((step) => takeStep(leg, step))));
}

async function takeStep(leg: Leg, step: Step): Promise<Dead> {
  switch (step.kind) {
    case 'call':
      return await callAt(leg, step.call, Date.now() + step.inMs);
    case 'dead letter':
      return await giveUp(leg, step.letter);
    case 'targets': {
      const targets = step.steps.map((one) => takeStep(leg, one));
      return await afterTargets(leg, step.eventId, targets, step.lastCall);
    }
  }
}

/** @param due in ms since 1970, by the workflow's clock */
async function callAt(leg: Leg, call: PendingCall, due: number): Promise<Dead> {
  try {
    await leg.timers.until(due);
  } catch (error) {
    return leg.interrupted(error, call, due);
  }
  return await makeCall(leg, call);
}

async function giveUp(leg: Leg, letter: DeadLetter): Promise<Dead> {
  await leg.letters.post(letter);
  return { events: count(letter.events), reason: letter.reason };
}

/**
 * Waits for all targets of an event. If none of them is dead, the event is called once more, for
 * its receipt.
 *
 * @param wasDead a target was dead before this run, and its event is counted already
 */
async function afterTargets(
  leg: Leg,
  eventId: string,
  targets: Promise<Dead>[],
  lastCall: PendingCall,
  wasDead = false,
): Promise<Dead> {
  const dead = sum(await Promise.all(targets));
  const left = leg.leftTargets(eventId);
  if (dead.events > 0 || wasDead) for (const target of left) target.buried = true;
  if (wasDead) return noneDead;
  if (dead.events > 0) return { ...dead, events: 1 };
  if (left.length > 0) return noneDead;
  return await makeCall(leg, lastCall);
}

/** A single event, or one target of it, that the run before has left. */
async function resume(leg: Leg, { due = 0, buried: _, ...call }: Resumed): Promise<Dead> {
  return await callAt(leg, { ...call, once: true }, due);
}

async function resumeTargets(leg: Leg, eventId: string, left: Resumed[]): Promise<Dead> {
  const targets = left.map((one) => resume(leg, one));
  const lastCall = { events: { ids: [eventId] }, tried: 0 };
  const wasDead = left.some(({ buried }) => buried);
  return await afterTargets(leg, eventId, targets, lastCall, wasDead);
}
