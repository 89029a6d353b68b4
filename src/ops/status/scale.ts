import type { Sql } from 'postgres';
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
  const gain = rate - arriving;
  const slots = Math.max(1, Math.ceil((arriving + backlog / seconds) / each));
  const keepUp = backlog === 0 && workers > 0;
  const suggested_workers = keepUp ? workers : Math.max(1, Math.ceil(slots / MOST_AT_ONCE));
  const suggested_concurrency = keepUp
    ? Math.ceil(concurrency / workers)
    : Math.ceil(slots / suggested_workers);
  const known = { name, backlog, arriving, rate, workers, concurrency, target_seconds: seconds };
  const suggestion = { suggested_workers, suggested_concurrency };
  const drained_in_seconds = backlog === 0 ? 0 : gain > 0 ? backlog / gain : null;
  return {
    ...known,
    ...suggestion,
    drained_in_seconds,
    ...inWords(subscriber, { ...suggestion, slots, concurrency, isBusy, seconds }),
  };
}

interface Found {
  suggested_workers: number;
  suggested_concurrency: number;
  slots: number;
  concurrency: number;
  isBusy: boolean;
  seconds: number;
}

function inWords(s: SubscriberStatus, f: Found): { advice: string; command: string | null } {
  const calls = f.suggested_concurrency;
  const start = `knockon worker effects --only ${s.name} --concurrency ${calls}`;
  const command = s.host === 'worker' ? null : start;
  if (s.state === 'paused')
    return {
      advice: 'It is paused: resume it first; more workers change nothing.',
      command: `knockon resume ${s.name}`,
    };
  if (s.retired && s.backlog + s.waiting === 0)
    return { advice: 'It is retired, and nothing of it is open: it needs none.', command: null };
  if (s.workers === 0) return { advice: 'No worker takes its calls: start one.', command };
  if (s.backlog === 0) return { advice: 'It keeps up: nothing is to be changed.', command: null };
  if (s.state === 'limited') {
    return {
      advice: `It is limited to ${s.per_second} events a second: raise the limit first.`,
      command: `knockon limit ${s.name} off`,
    };
  }
  if (f.slots <= f.concurrency && !f.isBusy)
    return {
      advice:
        'Its workers have done nothing in the last minute: see `knockon doctor`, and ask again in ' +
        'a minute.',
      command: null,
    };
  if (f.slots <= f.concurrency)
    return {
      advice: `Its workers get it done within ${f.seconds} s: nothing is to be changed.`,
      command: null,
    };
  const guess = f.isBusy
    ? ''
    : ` (a guess: it has done nothing in the last minute that could be measured)`;
  const each =
    `${f.suggested_workers} ${f.suggested_workers === 1 ? 'worker' : 'workers'} of ` +
    `${f.suggested_concurrency} calls at once`;
  return {
    advice:
      `To be through in ${f.seconds} s it needs ${each}; now they make ${f.concurrency} in ` +
      `all${guess}.`,
    command,
  };
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
