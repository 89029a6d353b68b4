import { randomUUID } from 'node:crypto';
import { safeReason } from '../../safe-error.ts';
import type { EffectAnswer } from '../dispatch.ts';
import { CallFailure, FAILURE, isUnknownDispatch } from '../retry/failure.ts';
import {
  afterAnswer,
  afterFailure,
  type DeadLetter,
  type Failure,
  type PendingCall,
  type RetryContext,
  type Step,
  TIMED_OUT,
} from '../retry/next-steps.ts';
import { type CallJob, NEVER, type NewJob } from './jobs.ts';

/** What is written when a call has ended. */
export interface NextJobs {
  jobs: NewJob[];
  letters: DeadLetter[];
}

/** The call took longer than its subscriber's time limit. */
export class CallTimeout extends Error {
  override name = 'CallTimeout';
}

/** What an answer leaves open: the events that it lists. */
export function jobsAfterAnswer(
  job: CallJob,
  answer: EffectAnswer,
  given: Partial<RetryContext> = {},
): NextJobs {
  return jobsOf(job, afterAnswer(job, answer, contextOf(job, given)));
}

/** What follows from a call that failed as a whole. */
export function jobsAfterFailure(
  job: CallJob,
  error: unknown,
  given: Partial<RetryContext> = {},
): NextJobs {
  return jobsOf(job, afterFailure(job, failureOf(error), contextOf(job, given)));
}

/**
 * What follows from a call that began and never ended: its workers died with it.
 *
 * @param deaths how many of them since the job was written
 * @returns the call as it is made now, or what is written instead
 */
export function afterWorkersDied(
  job: CallJob,
  deaths: number,
): { call: CallJob; next?: never } | { next: NextJobs; call?: never } {
  if (deaths === 0) return { call: job };
  const steps = afterFailure(job, { kind: 'died', deaths, hasBegun: true }, contextOf(job));
  const [first] = steps;
  // The job's heartbeat ran out before: that was the wait.
  if (steps.length === 1 && first?.kind === 'call') return { call: { ...job, ...first.call } };
  return { next: jobsOf(job, steps) };
}

/**
 * How many workers have died of a call since its job was written. A call that is not suspect begins
 * as soon as a worker takes it. A suspect call counts the times it was begun, not those it waited.
 *
 * @param taken how often a worker took it that is gone
 */
export function deathsOf({ deaths, begun = 0 }: CallJob, taken: number): number {
  return begun + (deaths === undefined ? Math.min(taken, 1) : 0);
}

/** The same call, which can't be made now. */
export const deferred = (job: CallJob, inMs: number): NextJobs => ({
  jobs: [jobOf(job, job, inMs)],
  letters: [],
});

/** The same call, whose worker stops before the call has ended. */
export const handBack = (job: CallJob): NextJobs => deferred(job, 0);

const contextOf = ({ subscriber }: CallJob, given: Partial<RetryContext> = {}): RetryContext => ({
  policy: subscriber.retry,
  now: Date.now(),
  random: Math.random,
  ...given,
});

const jobsOf = (job: CallJob, steps: Step[]): NextJobs =>
  join(steps.map((step) => jobsOfStep(job, step)));

function jobsOfStep(job: CallJob, step: Step): NextJobs {
  switch (step.kind) {
    case 'call':
      return { jobs: [jobOf(job, step.call, step.inMs)], letters: [] };
    case 'dead letter':
      return { jobs: [], letters: [step.letter] };
    case 'targets':
      return jobsOfTargets(job, step);
  }
}

/** The job of an event waits for the jobs of its targets, unless one of them is dead already. */
function jobsOfTargets(job: CallJob, step: Extract<Step, { kind: 'targets' }>): NextJobs {
  const targets = jobsOf(job, step.steps);
  if (targets.letters.length > 0) return targets;
  const parent = randomUUID();
  const waits_for = targets.jobs.map(({ target }) => target ?? '');
  const event = { ...jobOf(job, step.lastCall, NEVER), id: parent, waits_for };
  return { jobs: [event, ...targets.jobs.map((one) => ({ ...one, parent }))], letters: [] };
}

/** A call about a target stays with the job of its event, which waits for it. */
const jobOf = (
  { parent, flooding }: CallJob,
  { events, target, share, tried, deaths }: PendingCall,
  inMs: number,
): NewJob => ({
  events,
  target,
  share,
  flooding,
  tried,
  deaths,
  parent: target === undefined ? undefined : parent,
  inMs,
});

const join = (parts: NextJobs[]): NextJobs => ({
  jobs: parts.flatMap(({ jobs }) => jobs),
  letters: parts.flatMap(({ letters }) => letters),
});

function failureOf(error: unknown): Failure {
  if (error instanceof CallTimeout) return { kind: 'failed', ...TIMED_OUT };
  if (!(error instanceof CallFailure)) {
    const reason = safeReason(error);
    return { kind: 'failed', cause: reason, reason };
  }
  if (isUnknownDispatch(error)) return { kind: 'unknown dispatch' };
  const mayPass = error.type === FAILURE.retry;
  return { kind: 'failed', cause: error.shortCause, reason: error.message, mayPass };
}
