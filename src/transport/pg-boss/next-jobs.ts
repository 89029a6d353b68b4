import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { safeReason } from '../../safe-error.ts';
import { type DeadLetters, FAILURE, type OpenOutcome, UNKNOWN_DISPATCH } from '../dispatch.ts';
import {
  count,
  dueIn,
  grainOf,
  halves,
  isUsedUp,
  partitionOutcomes,
  roundUp,
  TIMED_OUT,
  waitBefore,
} from '../selection.ts';
import { type CallJob, NEVER, type NewJob } from './jobs.ts';

/** What is written when a call has come to its end. */
export interface NextJobs {
  jobs: NewJob[];
  letters: DeadLetters['letters'];
}

/** The call took longer than its subscriber's time limit. */
export class CallTimeout extends Error {
  override name = 'CallTimeout';
}

/** Longest wait before a group is called again because the database was away, in ms. */
const LONGEST_AWAY = 30_000;

/** How long a call waits whose dispatch the database does not know, in ms. */
const UNKNOWN_AGAIN = 5000;

/**
 * What an answer leaves open: called again together, each alone, or each of its targets alone and
 * then the event once more.
 */
export function afterAnswer(job: CallJob, open: OpenOutcome[], now = Date.now()): NextJobs {
  // Only to see which go together: the wait is a duration.
  const moment = (ms: number) => roundUp(now + ms, grainOf(ms)) - now;
  const { later, alone, targets, apart } = partitionOutcomes(open, (outcome) =>
    moment(dueIn(outcome, now)),
  );
  return join([
    ...apart.map((some) => afterAnswer(job, some, now)),
    {
      jobs: [...later].map(([inMs, ids]) => ({
        events: { ids },
        tried: triedBefore(job, ids.length),
        inMs,
      })),
      letters: [],
    },
    ...alone.map((outcome) => one(job, outcome, now)),
    ...[...targets].map(([id, outcomes]) => eachTarget(job, id, outcomes, now)),
  ]);
}

/**
 * A call that failed as a whole: a group is halved until the culprit is alone, a single event is
 * tried again or buried.
 */
export function afterFailure(job: CallJob, error: unknown, random = Math.random()): NextJobs {
  const failure = error instanceof ApplicationFailure ? error : undefined;
  if (failure?.type === UNKNOWN_DISPATCH) return putOff(job, UNKNOWN_AGAIN);
  if (count(job.events) > 1) {
    if (failure?.type === FAILURE.retry)
      return again(job, Math.min(1000 * 2 ** job.tried, LONGEST_AWAY));
    return { jobs: halves(job.events).map((events) => ({ events, tried: 0 })), letters: [] };
  }
  const { retry } = job.subscriber;
  if (isUsedUp(retry, job.tried + 1)) return bury(job, explain(error));
  return again(job, waitBefore(retry, job.tried + 1, { random }));
}

/**
 * Workers that may die of one event before it is given up, whatever its attempts: the next one
 * would take others' work down with it.
 */
const DEATHS = 3;

/**
 * How many workers have died of a call since its job was written. One that is not suspected is
 * begun as soon as it is taken; a suspected one counts where it was begun, not where it only waited
 * for its turn.
 *
 * @param taken how often it was taken by a worker that is gone
 */
export function deathsOf({ deaths, begun = 0 }: CallJob, taken: number): number {
  return begun + (deaths === undefined ? Math.min(taken, 1) : 0);
}

/**
 * A call that was begun and never ended: its workers died with it.
 *
 * @param deaths how many of them since the job was written
 * @returns undefined where the call is to be made once more
 */
export function afterDeaths(job: CallJob, deaths: number): NextJobs | undefined {
  if (deaths === 0) return undefined;
  if (count(job.events) > 1)
    return {
      jobs: halves(job.events).map((events) => ({ events, tried: 0, deaths: 0 })),
      letters: [],
    };
  const isGivenUp =
    isUsedUp(job.subscriber.retry, job.tried + deaths) || (job.deaths ?? 0) + deaths >= DEATHS;
  return isGivenUp ? bury(job, TIMED_OUT) : undefined;
}

/** The same call, which can't be made now. */
export const putOff = (job: CallJob, inMs: number): NextJobs => ({
  jobs: [{ ...same(job), inMs }],
  letters: [],
});

/** The same call, whose worker must stop before it has ended. */
export const handBack = (job: CallJob): NextJobs => ({ jobs: [same(job)], letters: [] });

const same = ({ events, target, share, tried, deaths, parent }: CallJob): NewJob => ({
  events,
  target,
  share,
  tried,
  deaths,
  parent,
});

/** One event, or one target of it. */
function one(job: CallJob, outcome: OpenOutcome, now: number, parent?: string): NextJobs {
  const call = {
    events: { ids: [outcome.event_id] },
    target: outcome.target,
    share: outcome.share ?? job.share,
    parent,
  };
  const before = triedBefore(job, 1, outcome.target);
  if (outcome.state === 'later')
    return { jobs: [{ ...call, tried: before, inMs: dueIn(outcome, now) }], letters: [] };
  const { retry } = job.subscriber;
  if (outcome.state === 'dead' || isUsedUp(retry, before + 1)) {
    const { cause = outcome.reason, reason } = outcome;
    return { jobs: [], letters: [{ events: call.events, target: outcome.target, cause, reason }] };
  }
  const inMs = waitBefore(retry, before + 1, { asked: outcome.after_ms, random: Math.random() });
  return { jobs: [{ ...call, tried: before + 1, inMs }], letters: [] };
}

/** A group's events, and targets that the call was not about, have not been tried before. */
const triedBefore = (job: CallJob, events: number, target?: string): number =>
  events === 1 && count(job.events) === 1 && target === job.target ? job.tried : 0;

/**
 * A dead target stands for its event; otherwise the event's own job waits until all of them are
 * settled.
 */
function eachTarget(job: CallJob, id: string, outcomes: OpenOutcome[], now: number): NextJobs {
  // A call about one target that is not done with it, or has found another: the event's job waits
  // already.
  const parent = job.parent ?? randomUUID();
  const calls = join(outcomes.map((outcome) => one(job, outcome, now, parent)));
  if (job.parent) return calls;
  if (calls.letters.length > 0)
    return { ...calls, jobs: calls.jobs.map((call) => ({ ...call, parent: undefined })) };
  const waits_for = calls.jobs.map(({ target }) => target ?? '');
  return {
    ...calls,
    jobs: [{ id: parent, events: { ids: [id] }, tried: 0, waits_for, inMs: NEVER }, ...calls.jobs],
  };
}

const again = ({ events, target, share, tried, parent }: CallJob, inMs: number): NextJobs => ({
  jobs: [{ events, target, share, parent, tried: tried + 1, inMs }],
  letters: [],
});

const bury = ({ events, target }: CallJob, why: { cause: string; reason: string }): NextJobs => ({
  jobs: [],
  letters: [{ events, target, ...why }],
});

const join = (parts: NextJobs[]): NextJobs => ({
  jobs: parts.flatMap(({ jobs }) => jobs),
  letters: parts.flatMap(({ letters }) => letters),
});

function explain(error: unknown): { cause: string; reason: string } {
  if (error instanceof CallTimeout) return TIMED_OUT;
  // Made by the effect's runtime.
  const reason = error instanceof ApplicationFailure ? error.message : safeReason(error);
  const [detail] = (error instanceof ApplicationFailure && error.details) || [];
  return { cause: typeof detail === 'string' ? detail : reason, reason };
}
