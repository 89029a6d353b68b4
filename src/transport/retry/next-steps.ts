// The life of a call that is not done, the same on every transport. Pure, and bundled with the
// workflow code: a change here changes what runs in flight do.
//
// 1. A call that was deferred is made later. That uses up no try.
// 2. An answer lists the events that are open (`afterAnswer`):
//    - Events that wait for the same moment are called again together.
//    - An event that failed is tried again alone, after the policy's wait.
//    - Each target of an event is tried alone. When all are done, the event is called once more.
//    - An event that can't succeed, or has no try left, becomes a dead letter.
// 3. A call may fail as a whole (`afterFailure`):
//    - A group is halved until the culprit is alone. A single event is tried again.
//    - When a worker died of a call, the call is suspect. It is made again at once the first time.
//      Three deaths make an event a dead letter.

import { groupBy } from '../../group-by.ts';
import type {
  DeadLetters,
  EffectAnswer,
  OpenOutcome,
  RetryPolicy,
  Selection,
} from '../dispatch.ts';
import { count, halves } from './selection.ts';
import {
  coarseGrainOf,
  deferredBy,
  dueIn,
  grainOf,
  isUsedUp,
  type Later,
  policyWait,
  roundUp,
  waitBefore,
} from './waits.ts';

/** A call that is to be made. */
export interface PendingCall {
  events: Selection;
  /** One of several targets of the one event. */
  target?: string;
  /** Whose it is: calls of different shares take turns. */
  share?: string;
  /** Tries that are used up. */
  tried: number;
  /** Workers that died of it; 0: of a group that it was part of; unset: it is not suspect. */
  deaths?: number;
  /**
   * It is made once. Unset: the transport may repeat it by the policy before it reports a failure.
   */
  once?: true;
  /** Other targets of the event may be called together with it. */
  mergesTargets?: true;
}

export type DeadLetter = DeadLetters['letters'][number];

export type Step =
  /** Make this call after so long. */
  | { kind: 'call'; call: PendingCall; inMs: number }
  /** Give up on these events. */
  | { kind: 'dead letter'; letter: DeadLetter }
  /** Take these steps for the targets of one event. If none of them is dead, make the last call. */
  | { kind: 'targets'; eventId: string; steps: Step[]; lastCall: PendingCall };

/** Why a call failed as a whole. */
export type Failure =
  /** The worker's database does not know the dispatch: it belongs to another deployment. */
  | { kind: 'unknown dispatch' }
  /**
   * So many workers died while they held the call. `hasBegun`: a worker had begun the call, if it
   * was suspect; otherwise the call only waited there.
   */
  | { kind: 'died'; deaths: number; hasBegun: boolean }
  /**
   * `isFinal`: the transport repeated the call until no try was left. `mayPass`: a group is to be
   * called again as it is.
   */
  | { kind: 'failed'; cause: string; reason: string; isFinal?: boolean; mayPass?: boolean };

export interface RetryContext {
  policy: RetryPolicy;
  /** In ms since 1970. */
  now: number;
  /** From 0 to 1. */
  random(): number;
  /** Waits end at round moments, so that calls share timers. */
  sharesTimers?: boolean;
}

/** Why a call is given up that never ended. */
export const TIMED_OUT = {
  cause: 'timeout',
  reason: 'the call took longer than its time limit, or its worker died',
};

/** A third worker may die of one event, no more: each takes the calls of others down with it. */
const DEATHS = 3;

/** How long a call waits whose dispatch the worker did not know, in ms. */
const UNKNOWN_AGAIN = 5000;

/** Deferred calls are meant to come one after another: their waits end at a tenth of a second. */
const DEFERRED_GRAIN = 100;

/** Longest wait before a group is called again as it is, in ms. */
const LONGEST_GROUP_WAIT = 30_000;

/** What follows from an answer. An empty list: all is done. */
export function afterAnswer(
  call: PendingCall,
  answer: EffectAnswer,
  context: RetryContext,
): Step[] {
  const deferred = deferredBy(answer, context.now);
  if (deferred !== undefined) return [callAfter(call, deferred, context, DEFERRED_GRAIN)];
  const mergesTargets = answer.takes_targets;
  return afterOutcomes({ ...call, ...(mergesTargets && { mergesTargets }) }, answer.open, context);
}

/** What follows from a call that failed as a whole. */
export function afterFailure(call: PendingCall, failure: Failure, context: RetryContext): Step[] {
  switch (failure.kind) {
    case 'unknown dispatch':
      return [callAfter(call, UNKNOWN_AGAIN, context)];
    case 'died':
      return afterDeaths(call, failure, context);
    case 'failed':
      return afterFailedCall(call, failure, context);
  }
}

function afterOutcomes(call: PendingCall, open: OpenOutcome[], context: RetryContext): Step[] {
  const targets = open.filter((outcome) => outcome.target !== undefined);
  const events = open.filter((outcome) => outcome.target === undefined);
  const waiting = events.filter(isLater);
  const apart = groupBy(
    waiting.filter((outcome) => outcome.apart),
    ({ share }) => share,
  );
  const together = waiting.filter((outcome) => !outcome.apart);
  const failed = events.filter((outcome) => !isLater(outcome));
  return [
    ...[...apart.values()].flatMap((some) => afterWaits(call, some, context)),
    ...afterWaits(call, together, context),
    ...failed.map((outcome) => afterOutcome(call, outcome, context)),
    ...afterTargets(call, targets, context),
  ];
}

const isLater = (outcome: OpenOutcome): outcome is Later => outcome.state === 'later';

/** Whole events that wait: those with the same moment are called again together. */
function afterWaits(call: PendingCall, waiting: Later[], context: RetryContext): Step[] {
  const { now } = context;
  const waits = groupBy(waiting, (outcome) => {
    const ms = dueIn(outcome, now);
    return roundUp(now + ms, grainOf(ms)) - now;
  });
  return [...waits].map(([inMs, outcomes]) => {
    const ids = outcomes.map(({ event_id }) => event_id);
    const share = oneShare(outcomes) ?? call.share;
    const single = { tried: triedBefore(call), once: true } as const;
    return {
      kind: 'call',
      inMs,
      call: { events: { ids }, share, tried: 0, ...(ids.length === 1 && single) },
    };
  });
}

/** Whose all of these are; undefined if they are several shares', or nobody says so. */
function oneShare(outcomes: OpenOutcome[]): string | undefined {
  const [share, ...others] = new Set(outcomes.map((outcome) => outcome.share));
  return others.length === 0 ? share : undefined;
}

/** Steps for targets. A call about one target leaves the event to the step that it came from. */
function afterTargets(call: PendingCall, open: OpenOutcome[], context: RetryContext): Step[] {
  if (call.target !== undefined) return open.map((one) => afterOutcome(call, one, context));
  return [...groupBy(open, ({ event_id }) => event_id)].map(([eventId, outcomes]) => ({
    kind: 'targets',
    eventId,
    steps: outcomes.map((outcome) => afterOutcome(call, outcome, context)),
    lastCall: { events: { ids: [eventId] }, tried: 0 },
  }));
}

/** One event, or one target of it, which is followed up alone. */
function afterOutcome(call: PendingCall, outcome: OpenOutcome, context: RetryContext): Step {
  const { event_id, target, share = call.share } = outcome;
  const events = { ids: [event_id] };
  const { mergesTargets } = call;
  const tried = triedBefore(call, target);
  const next: PendingCall = {
    events,
    target,
    share,
    tried,
    once: true,
    ...(mergesTargets && { mergesTargets }),
  };
  if (outcome.state === 'later') return callAfter(next, dueIn(outcome, context.now), context);
  if (outcome.state === 'dead' || isUsedUp(context.policy, tried + 1)) {
    const { reason, cause = reason } = outcome;
    return { kind: 'dead letter', letter: { events, target, cause, reason } };
  }
  return tryAgain({ ...next, tried: tried + 1 }, context, outcome.after_ms);
}

/** Events of a group, and targets that the call was not about, have not been tried before. */
const triedBefore = (call: PendingCall, target?: string): number =>
  count(call.events) === 1 && target === call.target ? call.tried : 0;

function afterDeaths(
  call: PendingCall,
  { deaths, hasBegun }: Extract<Failure, { kind: 'died' }>,
  context: RetryContext,
): Step[] {
  const isSuspect = call.deaths !== undefined;
  if (isSuspect && !hasBegun) return [callAfter(call, context.policy.initial_ms, context)];
  if (count(call.events) > 1) return halved(call, { deaths: 0 });
  const next = { ...call, tried: call.tried + deaths, deaths: (call.deaths ?? 0) + deaths };
  if (next.deaths >= DEATHS || isUsedUp(context.policy, next.tried))
    return [giveUp(call, TIMED_OUT)];
  // Most likely it was not to blame: its worker was killed, or never had it.
  return [isSuspect ? tryAgain(next, context) : atOnce(next)];
}

function afterFailedCall(
  call: PendingCall,
  { cause, reason, isFinal, mayPass }: Extract<Failure, { kind: 'failed' }>,
  context: RetryContext,
): Step[] {
  const next = { ...call, tried: call.tried + 1 };
  if (count(call.events) > 1) {
    if (!mayPass) return halved(call);
    return [callAfter(next, Math.min(1000 * 2 ** call.tried, LONGEST_GROUP_WAIT), context)];
  }
  const isGivenUp = isFinal || isUsedUp(context.policy, next.tried);
  return [isGivenUp ? giveUp(call, { cause, reason }) : tryAgain(next, context)];
}

const halved = ({ events }: PendingCall, suspicion: { deaths?: number } = {}): Step[] =>
  halves(events).map((half) => atOnce({ events: half, tried: 0, ...suspicion }));

const atOnce = (call: PendingCall): Step => ({
  kind: 'call',
  call: { ...call, once: true },
  inMs: 0,
});

const giveUp = (
  { events, target }: PendingCall,
  why: Pick<DeadLetter, 'cause' | 'reason'>,
): Step => ({ kind: 'dead letter', letter: { events, target, ...why } });

/** @param asked how long the other side asked to wait, in ms */
function tryAgain(call: PendingCall, context: RetryContext, asked?: number): Step {
  const { policy, sharesTimers, random } = context;
  const grain = sharesTimers ? coarseGrainOf(policyWait(policy, call.tried)) : 0;
  const ms = waitBefore(policy, call.tried, { asked, random: random(), grain });
  return callAfter({ ...call, once: true }, ms, context, asked === ms ? undefined : grain);
}

function callAfter(
  call: PendingCall,
  ms: number,
  { now, sharesTimers }: RetryContext,
  grain = grainOf(ms),
): Step {
  const inMs = sharesTimers ? roundUp(now + ms, grain) - now : ms;
  return { kind: 'call', call, inMs };
}
