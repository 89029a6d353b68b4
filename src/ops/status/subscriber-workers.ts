import type { SubscriberHost } from '../../outbox/subscribers.ts';
import type { Poller } from '../../transport/queues.ts';
import { fingerprintIn, type WorkerPresence } from './workers.ts';

/** A worker process that takes a subscriber's calls. */
export interface WorkerState {
  identity: string;
  /** Null where it does not say: a worker in another language. */
  version: string | null;
  seen_at: string;
  /** Calls at once, and those under way when it was last seen; null where it does not say. */
  concurrency: number | null;
  running: number | null;
}

/** What is known of a subscriber whose workers are asked for. */
export interface HasWorkers {
  name: string;
  task_queue: string;
  host: SubscriberHost;
  /** Where workers don't say what they run: calls that began before the pause have timed out. */
  calls_have_ended: boolean | null;
}

/**
 * Ours say so in Postgres, until they say good-bye; those in other languages are known by their
 * asking the queue.
 */
export function workersOf(
  { name, task_queue }: HasWorkers,
  workers: WorkerPresence[],
  pollers: Poller[],
): WorkerState[] {
  const known = new Set(workers.map(({ identity }) => identity));
  const ours = workers.flatMap(({ alive, effects: { [name]: hosted }, ...worker }) =>
    alive && hosted && (hosted.queue ?? task_queue) === task_queue
      ? [{ ...worker, ...hosted }]
      : [],
  );
  const others = pollers.filter(
    ({ identity }) => !known.has(identity) && fingerprintIn(identity) === null,
  );
  return [
    ...ours.map(({ identity, version, seen_at, concurrency, running }) => ({
      identity,
      version,
      seen_at: seen_at.toISOString(),
      concurrency,
      running,
    })),
    ...others.map(({ identity, seen_at }) => ({
      identity,
      version: null,
      seen_at: seen_at.toISOString(),
      concurrency: null,
      running: null,
    })),
  ];
}

/**
 * An idle worker asks its queue again after a minute, in ms; one that is late by half of that is
 * gone. Temporal remembers it for five minutes.
 */
const POLL = 90_000;

/** @param now by the database's clock: Temporal's, by which it was seen, can't be asked */
export const isFresh = ({ seen_at }: Poller, now: number): boolean =>
  now - seen_at.getTime() < POLL;

/** How soon the server hands out no more calls of a subscriber that was paused, in ms. */
export const PAUSE_HOLDS = 5000;

/**
 * Every worker of effects has been seen since, a moment after the pause, and is at no call of it.
 * Those that did not host it are waited for too: one may have begun to since it was last seen.
 * Workers in other languages say nothing: their calls have ended once the time limit of one is over.
 */
export function isDrained(
  { name, host, calls_have_ended }: HasWorkers,
  pausedAt: Date,
  workers: WorkerPresence[],
): boolean {
  if (host === 'worker') return calls_have_ended === true;
  const ours = workers.filter(({ alive, kind }) => alive && kind === 'effects');
  return ours.every(
    ({ seen_at, effects }) =>
      seen_at.getTime() > pausedAt.getTime() + 1000 && (effects[name]?.running ?? 0) === 0,
  );
}
