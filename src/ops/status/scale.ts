import type { Sql } from 'postgres';
import { counted } from '../wording.ts';
import type { SubscriberStatus } from './subscriber-status.ts';

/** How many workers a subscriber needs, and the figures that say so. */
export interface ScaleAdvice {
  name: string;
  backlog: number;
  /** Events for it a second, over the last minute. */
  arriving: number;
  /** Events it does a second, over the last minute. */
  rate: number;
  workers: number;
  /** Calls at once, of all its workers together. */
  concurrency: number;
  target_seconds: number;
  /** At this rate; null: never, or nobody can say. */
  drained_in_seconds: number | null;
  suggested_workers: number;
  suggested_concurrency: number;
  advice: string;
  command: string | null;
}

/** Calls at once of one process beyond which another process is the better way. */
const MOST_AT_ONCE = 50;

/**
 * What a worker that has not shown what it can do is taken to do with one call at a time, in events
 * a second.
 */
const UNKNOWN_RATE = 5;

/**
 * Suggests how many workers do the backlog within `seconds` and keep up with what arrives. What one
 * call at a time gets done is taken from the last minute, where there was more to do than was done;
 * else it is a guess, and the advice says so.
 */
export async function scaleAdvice(
  pg: Sql,
  subscriber: SubscriberStatus,
  seconds: number,
): Promise<ScaleAdvice> {
  return adviseScale(subscriber, await arrivalRate(pg, subscriber.event_types), seconds);
}

/** @param arriving events for it a second */
export function adviseScale(
  subscriber: SubscriberStatus,
  arriving: number,
  seconds: number,
): ScaleAdvice {
  const { name, backlog, rate, workers, processes } = subscriber;
  const concurrency = processes.reduce((sum, process) => sum + (process.concurrency ?? 1), 0);
  const isBusy = backlog > 0 && rate > 0 && concurrency > 0;
  const each = isBusy ? rate / concurrency : UNKNOWN_RATE;
  const slots = Math.max(1, Math.ceil((arriving + backlog / seconds) / each));
  const keepUp = backlog === 0 && workers > 0;
  const suggested_workers = keepUp ? workers : Math.max(1, Math.ceil(slots / MOST_AT_ONCE));
  const suggested_concurrency = keepUp
    ? Math.ceil(concurrency / workers)
    : Math.ceil(slots / suggested_workers);
  const known = { name, backlog, arriving, rate, workers, concurrency, target_seconds: seconds };
  const suggestion = { suggested_workers, suggested_concurrency };
  return {
    ...known,
    ...suggestion,
    drained_in_seconds: drainedIn(backlog, rate - arriving),
    ...adviceFor(subscriber, { ...suggestion, slots, concurrency, isBusy, seconds }),
  };
}

/** @param gain how many events the backlog loses a second @returns null: never */
function drainedIn(backlog: number, gain: number): number | null {
  if (backlog === 0) return 0;
  return gain > 0 ? backlog / gain : null;
}

interface Found {
  suggested_workers: number;
  suggested_concurrency: number;
  slots: number;
  concurrency: number;
  isBusy: boolean;
  seconds: number;
}

interface Advice {
  advice: string;
  command: string | null;
}

function adviceFor(subscriber: SubscriberStatus, found: Found): Advice {
  const { name, host, state, backlog, workers } = subscriber;
  const { slots, concurrency, isBusy, seconds } = found;
  const calls = found.suggested_concurrency;
  const start = `knockon worker effects --only ${name} --concurrency ${calls}`;
  const command = host === 'worker' ? null : start;
  const nothing = (advice: string): Advice => ({ advice, command: null });
  if (state === 'paused')
    return {
      advice: 'It is paused: resume it first; more workers change nothing.',
      command: `knockon resume ${name}`,
    };
  if (subscriber.retired && backlog + subscriber.waiting === 0)
    return nothing('It is retired, and nothing of it is open: it needs none.');
  if (workers === 0) return { advice: 'No worker takes its calls: start one.', command };
  if (backlog === 0) return nothing('It keeps up: nothing is to be changed.');
  if (state === 'limited')
    return {
      advice: `It is limited to ${subscriber.per_second} events a second: raise the limit first.`,
      command: `knockon limit ${name} off`,
    };
  if (slots > concurrency) return { advice: moreWorkers(found), command };
  return nothing(
    isBusy
      ? `Its workers get it done within ${seconds} s: nothing is to be changed.`
      : 'Its workers have done nothing in the last minute: see `knockon doctor`, and ask again ' +
          'in a minute.',
  );
}

function moreWorkers(found: Found): string {
  const { suggested_workers, suggested_concurrency, concurrency, isBusy, seconds } = found;
  const guess = isBusy
    ? ''
    : ' (a guess: it has done nothing in the last minute that could be measured)';
  const each = `${counted(suggested_workers, 'worker')} of ${suggested_concurrency} calls at once`;
  return (
    `To be through in ${seconds} s it needs ${each}; now they make ${concurrency} in ` +
    `all${guess}.`
  );
}

/**
 * Events of these types a second, over the last minute. An event's id holds its time, so it is a
 * range of the key.
 */
async function arrivalRate(pg: Sql, types: string[]): Promise<number> {
  const [row] = await pg<{ n: number }[]>`
    select count(*)::float8 as n from knockon.outbox
    where event_id > knockon.uuid_at(now() - interval '1 minute')
      and ${types}::text[] && knockon.wanted_as(type)`;
  return (row?.n ?? 0) / 60;
}
