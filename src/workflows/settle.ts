import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { Beat, EffectAnswer, OpenOutcome, Selection } from '../transport/dispatch.ts';
import {
  count,
  dueIn,
  halves,
  isUsedUp,
  type Later,
  ownWait,
  partitionOutcomes,
  putOffBy,
  waitBefore,
} from '../transport/selection.ts';
import { type About, recordDeadLetters } from './calls.ts';
import { tellLetters } from './dead-letters.ts';
import type { Resumed, Task } from './hand-over.ts';
import type { Leg } from './leg.ts';
import {
  type Dead,
  explainFailure,
  isUnknown,
  killsWorkers,
  lastBeat,
  noneDead,
  sum,
} from './reckoning.ts';
import { FailedTogetherError } from './target-calls.ts';
import { coarseGrainOf } from './timers.ts';

/**
 * Workers that may die of one event before it is given up: the next one would take others' work
 * down with it again.
 */
const DEATHS = 3;

/**
 * Whether the workflow itself waits between tries, and several share a timer. Before, Temporal
 * repeated a call by its own policy: it was pending, and held a slot, for days. Asked where
 * something is not done, so that what goes well bears no marker.
 */
const waitsItself = () => patched('waits-between-tries');

/**
 * Sees these events through to the end. A cancelled workflow leaves a dead letter for what it has
 * not done.
 */
export async function settleAll(leg: Leg, { fresh, tried, targets }: Task): Promise<Dead> {
  try {
    const settled = await Promise.all([
      ...fresh.map((events) => settle(leg, events, firstAbout(leg, events))),
      ...tried.map((one) => resume(leg, one)),
      ...[...targets].map(([id, parties]) => resumeTargets(leg, id, parties)),
    ]);
    return sum(settled);
  } catch (error) {
    if (isCancellation(error) && !leg.isDropped) {
      const all = { offset: 0, limit: leg.dispatch.size };
      const why = { cause: 'cancelled', reason: 'the workflow was cancelled' };
      await CancellationScope.nonCancellable(() =>
        recordDeadLetters(leg, [{ events: all, ...why }]),
      );
      // How many of them were not done, it does not know.
      tellLetters(leg.subscriber.name, 0);
    }
    throw error;
  }
}

/**
 * The one event of a dispatch holds up no other: Temporal may as well repeat its first call, and no
 * marker is needed.
 */
const firstAbout = ({ dispatch }: Leg, events: Selection): About =>
  dispatch.size > 1 && count(events) === 1 && waitsItself() ? { once: true } : {};

/**
 * Calls the effect for these events and follows up what it leaves open. A call that fails as a
 * whole is halved until the culprit is alone.
 */
async function settle(leg: Leg, events: Selection, about: About = {}): Promise<Dead> {
  if (leg.isEnding) return leg.leave(events, about);
  let answer: EffectAnswer | undefined;
  try {
    answer = await call(leg, events, about);
  } catch (error) {
    if (isCancellation(error)) return leg.interrupted(error, events, about);
    if (error instanceof FailedTogetherError)
      return await settle(leg, events, asSuspect(about, error));
    return await afterFailure(leg, events, about, error);
  }
  if (!answer) return leg.leave(events, about);
  const putOff = putOffBy(answer, Date.now());
  if (putOff !== undefined) return await after(leg, putOff, events, about, PUT_OFF_GRAIN);
  return answer.open.length === 0 ? noneDead : await followUp(leg, answer, about);
}

async function call(leg: Leg, events: Selection, about: About): Promise<EffectAnswer | undefined> {
  const { target, together, deaths } = about;
  // A suspected one is called alone: the others must not die with it.
  if (target === undefined || !together || deaths || !('ids' in events))
    return await leg.call(events, about);
  return await leg.targets.call(events.ids[0] ?? '', { ...about, target });
}

/**
 * A call for several targets that fails says nothing of each of them: each is called alone from
 * then on, and has used up no try.
 */
const asSuspect = (about: About, { cause }: FailedTogetherError): About => ({
  ...about,
  together: undefined,
  ...(killsWorkers(cause, true) && { deaths: 1 }),
});

/** Calls that are put off are meant to come one after another, in ms. */
const PUT_OFF_GRAIN = 100;

/** How long a call waits that a stranger has taken, in ms. */
const STRANGER = 5000;

async function afterFailure(
  leg: Leg,
  events: Selection,
  about: About,
  error: unknown,
): Promise<Dead> {
  // Histories before this have no such failure.
  if (isUnknown(error)) return await after(leg, STRANGER, events, about);
  const { target, tried = 0, deaths = 0, once } = about;
  const isDeadly = killsWorkers(error, once);
  const { retry } = leg.subscriber;
  if (isDeadly && isBystander(error, deaths))
    return await after(leg, retry.initial_ms, events, about);
  if (count(events) > 1) {
    const half = { ...(isDeadly && { deaths: 1 }), ...(waitsItself() && { once: true }) };
    return sum(await Promise.all(halves(events).map((some) => settle(leg, some, half))));
  }
  const isGivenUp = isDeadly ? deaths + 1 >= DEATHS : !once;
  if (isGivenUp || isUsedUp(retry, tried + 1))
    return await giveUp(leg, events, { ...explainFailure(error), target }, about);
  return await tryAgain(leg, events, {
    ...about,
    tried: tried + 1,
    deaths: isDeadly ? deaths + 1 : about.deaths,
  });
}

/**
 * Whether the worker had only taken a suspected call. Of others it is not told: they are suspected
 * from then on.
 */
function isBystander(error: unknown, deaths: number): boolean {
  if (patched('begun-is-told')) return deaths > 0 && lastBeat(error) !== ('begun' satisfies Beat);
  return lastBeat(error) === ('not begun' satisfies Beat);
}

async function followUp(leg: Leg, answer: EffectAnswer, call: About): Promise<Dead> {
  const { open, takes_targets } = answer;
  const about = { ...call, together: takes_targets };
  // The moment that is waited for; before, each moment that a worker named had a timer of its own.
  const moment = waitsItself()
    ? (outcome: Later) => leg.timers.due(dueIn(outcome, Date.now()))
    : ({ until }: Later) => until;
  const { later, alone: each, targets, apart } = partitionOutcomes<string | number>(open, moment);
  const settled = await Promise.all([
    ...apart.map((some) => followUp(leg, { ...answer, open: some }, call)),
    ...[...later].map(([moment, ids]) => again(leg, moment, { ids }, about)),
    ...each.map((outcome) => alone(leg, outcome, about)),
    ...[...targets].map(([id, outcomes]) => eachTarget(leg, id, outcomes, about)),
  ]);
  return sum(settled);
}

/** Waits by a durable timer, then calls again. A single event is as often tried as it was. */
async function again(
  leg: Leg,
  moment: string | number,
  events: Selection,
  about: About,
): Promise<Dead> {
  if (typeof moment === 'string')
    return await after(leg, Math.max(0, Date.parse(moment) - Date.now()), events, {});
  if (count(events) > 1) return await at(leg, moment, events, {});
  const tried = about.target === undefined ? about.tried : undefined;
  return await at(leg, moment, events, { share: about.share, tried, once: true });
}

/** One event, or one target of it. */
async function alone(leg: Leg, outcome: OpenOutcome, call: About): Promise<Dead> {
  const events = { ids: [outcome.event_id] };
  const { target, share } = outcome;
  const once = waitsItself();
  // A group's events, and targets that the call was not about, have not been tried before.
  const before = once && target === call.target ? (call.tried ?? 0) : 0;
  const about = {
    target,
    share: once ? (share ?? call.share) : undefined,
    once,
    together: once && call.together,
  };
  if (outcome.state === 'later')
    return await after(
      leg,
      dueIn(outcome, Date.now()),
      events,
      once ? { ...about, tried: before } : about,
    );
  if (outcome.state === 'dead' || isUsedUp(leg.subscriber.retry, before + 1)) {
    return await giveUp(
      leg,
      events,
      { cause: outcome.cause ?? outcome.reason, reason: outcome.reason, target },
      about,
    );
  }
  return await tryAgain(leg, events, { ...about, tried: before + 1 }, outcome.after_ms);
}

/** @param asked how long the other side has asked for, in ms */
async function tryAgain(leg: Leg, events: Selection, about: About, asked?: number): Promise<Dead> {
  const { retry } = leg.subscriber;
  if (!waitsItself()) return await after(leg, asked ?? retry.initial_ms, events, about);
  const tried = about.tried ?? 1;
  const grain = coarseGrainOf(ownWait(retry, tried));
  const ms = waitBefore(retry, tried, { asked, random: Math.random(), grain });
  return await after(leg, ms, events, { ...about, once: true }, asked === ms ? undefined : grain);
}

/**
 * Each of an event's outside parties alone; once all are settled the event itself, for its receipt.
 */
async function eachTarget(
  leg: Leg,
  id: string,
  outcomes: OpenOutcome[],
  about: About,
): Promise<Dead> {
  const parties = outcomes.map((outcome) => alone(leg, outcome, about));
  // A call about one of them: whoever waits for it sees to the event.
  if (about.target !== undefined && waitsItself()) return sum(await Promise.all(parties));
  return await allTargets(leg, id, parties);
}

/** @param isBuried a target was dead before this run, and its event is counted */
async function allTargets(
  leg: Leg,
  id: string,
  parties: Promise<Dead>[],
  isBuried = false,
): Promise<Dead> {
  const dead = sum(await Promise.all(parties));
  const left = leg.leftTargets(id);
  if (dead.events > 0 || isBuried) for (const party of left) party.buried = true;
  if (isBuried) return noneDead;
  if (dead.events > 0) return { ...dead, events: 1 };
  if (left.length > 0) return noneDead;
  return sum([noneDead, await settle(leg, { ids: [id] })]);
}

/** A single event that the run before has left. */
async function resume(leg: Leg, { events, due, buried: _, ...standing }: Resumed): Promise<Dead> {
  return await at(leg, due ?? 0, events, { ...standing, once: true });
}

async function resumeTargets(leg: Leg, id: string, parties: Resumed[]): Promise<Dead> {
  return await allTargets(
    leg,
    id,
    parties.map((party) => resume(leg, party)),
    parties.some(({ buried }) => buried),
  );
}

async function after(
  leg: Leg,
  ms: number,
  events: Selection,
  about: About,
  grain?: number,
): Promise<Dead> {
  if (waitsItself()) return await at(leg, leg.timers.due(ms, grain), events, about);
  try {
    await sleep(ms);
  } catch (error) {
    return leg.interrupted(error, events, about);
  }
  return await settle(leg, events, about);
}

async function at(leg: Leg, due: number, events: Selection, about: About): Promise<Dead> {
  try {
    await leg.timers.until(due);
  } catch (error) {
    return leg.interrupted(error, events, about, due);
  }
  return await settle(leg, events, about);
}

/** Gives up on events: dead letters for them. */
async function giveUp(
  leg: Leg,
  events: Selection,
  why: { cause: string; reason: string; target?: string },
  about: About,
): Promise<Dead> {
  try {
    await (waitsItself()
      ? leg.letters.post({ events, ...why })
      : recordDeadLetters(leg, [{ events, ...why }]));
  } catch (error) {
    return leg.interrupted(error, events, about);
  }
  return { events: count(events), reason: why.reason };
}
