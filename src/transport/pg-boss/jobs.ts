import { createHash } from 'node:crypto';
import type { JobInsert } from 'pg-boss';
import type { Dispatch, Selection, SubscriberSpec } from '../dispatch.ts';
import { isFollowUp, slices } from '../retry/selection.ts';

/** One call of an effect, as a job in its subscriber's queue. */
export interface CallJob {
  dispatch_id: string;
  /** As it was when the events were dispatched, policy included. */
  subscriber: SubscriberSpec;
  events: Selection;
  target?: string;
  /**
   * Whose it is, where that is known: of one share so many are made at once, of all workers
   * together.
   */
  share?: string;
  /** Its dispatch is a flood's. */
  flooding?: true;
  /** How many tries are used up. */
  tried: number;
  /**
   * How many workers have died with it. 0: with a group that it was part of; unset: there is
   * nothing to suspect it of.
   */
  deaths?: number;
  /** How often a worker has begun this suspected call since the job was written. */
  begun?: number;
  /** For a call about one target: the job of the event as a whole, which waits for it. */
  parent?: string;
  /**
   * For the event as a whole: the targets that are neither done nor dead. The job runs when there
   * is none left.
   */
  waits_for?: string[];
}

/** A job that is to be written. */
export interface NewJob
  extends Pick<
    CallJob,
    'events' | 'target' | 'share' | 'flooding' | 'tried' | 'deaths' | 'parent' | 'waits_for'
  > {
  id?: string;
  /** In how many ms it may run, by Postgres' clock; unset: at once. */
  inMs?: number;
}

/** A job that waits for others is due at no time that comes by itself. */
export const NEVER = Number.POSITIVE_INFINITY;
const FAR = new Date('9000-01-01T00:00:00Z');

/**
 * In seconds. A backlog, or a retry that is due next month, must not be cleaned away: pg-boss keeps
 * open jobs for two weeks otherwise.
 */
const TEN_YEARS = 10 * 365 * 24 * 3600;

/** What each queue gives its jobs. */
export const queueOptions = {
  retentionSeconds: TEN_YEARS,
  // Done jobs are kept so that a dispatch that is started twice finds them there. Later its
  // receipts do.
  deleteAfterSeconds: 3600,
  // How often a worker may die with a job: we count ourselves, and give up what is tried too often.
  retryLimit: 1_000_000,
  retryDelay: 0,
  // A worker that is killed is noticed after so long, as under Temporal.
  heartbeatSeconds: 15,
};

/**
 * The jobs of a dispatch for one subscriber. Their ids follow from the dispatch's: written again,
 * they are the same jobs.
 */
export function firstJobs(dispatch: Dispatch, subscriber: SubscriberSpec): JobInsert<CallJob>[] {
  const flood = dispatch.share === undefined ? {} : { flooding: true as const };
  return slices(dispatch.size, subscriber.batch).map((events, i) =>
    asJob(
      { dispatch_id: dispatch.id, subscriber },
      { id: jobId(dispatch.id, subscriber.name, i), events, tried: 0, ...flood },
    ),
  );
}

/**
 * The priority of calls that come behind: those that follow up, and those of a flood. Neither
 * delays what is new.
 */
export const BEHIND = -1;

export function asJob(
  leg: Pick<CallJob, 'dispatch_id' | 'subscriber'>,
  { id, inMs = 0, ...call }: NewJob,
): JobInsert<CallJob> {
  return {
    id,
    data: { dispatch_id: leg.dispatch_id, subscriber: leg.subscriber, ...call },
    ...((call.flooding || isFollowUp(call)) && { priority: BEHIND }),
    startAfter: inMs === NEVER ? FAR : Number((inMs / 1000).toFixed(3)),
    group: call.share === undefined ? undefined : { id: call.share },
    // By which the jobs of a dispatch are found.
    singletonKey: leg.dispatch_id,
    // We give a call up at its time limit; this is for a process that can't.
    expireInSeconds: Math.min(24 * 3600, Math.ceil(leg.subscriber.timeout_ms / 1000) + 60),
  };
}

/** A UUID (version 8) that names a slice of a dispatch for a subscriber. */
export function jobId(...parts: (string | number)[]): string {
  const hex = createHash('sha256').update(parts.join('/')).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
