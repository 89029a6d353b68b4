import type { Sql } from 'postgres';
import { groupBy } from '../../group-by.ts';
import type { Sample } from './sample.ts';

/**
 * What is kept of the past: a row every so many seconds, for that long. Together 3,528 rows a
 * subscriber.
 */
const kept = [
  { every: 10, forMs: 3 * 3_600_000 },
  { every: 60, forMs: 24 * 3_600_000 },
  { every: 600, forMs: 7 * 24 * 3_600_000 },
] as const;

/** How often to take a sample, in ms. */
export const LOOK_EVERY = kept[0].every * 1000;

/**
 * The pasts that are shown: how long each is, from which rows, and for how many seconds a point
 * stands; all in seconds.
 */
export const ranges = {
  '15m': { span: 900, every: 10, point: 10 },
  '3h': { span: 10_800, every: 10, point: 30 },
  '24h': { span: 86_400, every: 60, point: 300 },
  '7d': { span: 604_800, every: 600, point: 1800 },
} as const;

export type HistoryRange = keyof typeof ranges;

/**
 * Writes a look down at each resolution, by the database's clock, and deletes what has become too
 * old.
 */
export async function keepSample(pg: Sql, sample: Sample): Promise<void> {
  const messages = {
    name: '',
    rate: sample.messages_per_second,
    error_rate: 0,
    backlog: 0,
    dead_letters: 0,
  };
  const all = [
    { ...messages, backlog_age_seconds: sample.undispatched_seconds },
    ...sample.subscribers,
  ];
  const column = <T>(pick: (one: (typeof all)[number]) => T) => all.map(pick);
  await pg`
    insert into knockon.samples as s (every, at, subscriber, looks, rate, error_rate, backlog,
      backlog_age_seconds, dead_letters)
    select k.every, date_bin(make_interval(secs => k.every), now(), 'epoch'), t.*
      from unnest(${kept.map(({ every }) => every)}::int[]) as k (every)
    cross join (select name, 1, rate, error_rate, backlog, age, dead from unnest(
      ${column(({ name }) => name)}::text[], ${column(({ rate }) => rate)}::float8[],
        ${column(({ error_rate }) => error_rate)}::float8[],
      ${column(({ backlog }) => backlog)}::int[],
        ${column((one) => one.backlog_age_seconds)}::float8[],
          ${column((one) => one.dead_letters)}::int[]
    ) as u (name, rate, error_rate, backlog, age, dead)) t
    on conflict (every, at, subscriber) do update set looks = s.looks + 1,
      rate = (s.rate * s.looks + excluded.rate) / (s.looks + 1),
        error_rate = (s.error_rate * s.looks + excluded.error_rate) / (s.looks + 1),
      backlog = greatest(s.backlog, excluded.backlog), dead_letters = greatest(s.dead_letters,
        excluded.dead_letters),
      backlog_age_seconds = greatest(s.backlog_age_seconds, excluded.backlog_age_seconds)`;
  await forgetSamples(pg);
}

async function forgetSamples(pg: Sql): Promise<void> {
  for (const { every, forMs } of kept)
    await pg`
      delete from knockon.samples where every = ${every} and at < now() - ${forMs}::float8 *
        interval '1 ms'`;
}

/**
 * A subscriber's past; each list has a value for each of the times, null where nobody has looked.
 */
export interface SubscriberHistory {
  name: string;
  /** Events done a second. */
  rate: (number | null)[];
  /** Of what was tried, which part failed: 0 to 1. */
  error_rate: (number | null)[];
  backlog: (number | null)[];
  backlog_age_seconds: (number | null)[];
  dead_letters: (number | null)[];
}

/** The past figures of all subscribers. */
export interface History {
  /** For how many seconds a point stands. */
  every_seconds: number;
  /** When each point begins, oldest first; RFC 3339. */
  times: string[];
  messages_per_second: (number | null)[];
  undispatched_seconds: (number | null)[];
  /** By name. */
  subscribers: SubscriberHistory[];
}

interface Point {
  at: Date;
  subscriber: string;
  rate: number;
  error_rate: number;
  backlog: number;
  backlog_age_seconds: number;
  dead_letters: number;
}

/**
 * The past that was kept, with a point for each step of time, also for those of which nothing is
 * known.
 */
export async function readHistory(pg: Sql, past: HistoryRange): Promise<History> {
  const { span, every, point } = ranges[past];
  const bin = pg`make_interval(secs => ${point})`;
  const [bounds] = await pg<{ newest: Date }[]>`select date_bin(${bin}, now(), 'epoch') as newest`;
  const rows = await pg<Point[]>`
    select date_bin(${bin}, at, 'epoch') as at, subscriber,
      (sum(rate * looks) / sum(looks))::float8 as rate, max(backlog) as backlog,
      (sum(error_rate * looks) / sum(looks))::float8 as error_rate,
        max(backlog_age_seconds) as backlog_age_seconds, max(dead_letters) as dead_letters
    from knockon.samples where every = ${every} and at > now() - make_interval(secs => ${span})
      group by 1, 2`;
  const newest = bounds!.newest.getTime();
  const moments = Array.from(
    { length: span / point },
    (_, i) => newest - (span / point - 1 - i) * point * 1000,
  );
  const groups = groupBy(rows, ({ subscriber }) => subscriber);
  const byTime = (points: Point[]) => new Map(points.map((point) => [point.at.getTime(), point]));
  const byName = new Map([...groups].map(([name, points]) => [name, byTime(points)]));
  const valuesOf = (name: string, pick: (row: Point) => number) =>
    moments.map((moment) => {
      const found = byName.get(name)?.get(moment);
      return found ? rounded(pick(found)) : null;
    });
  return {
    every_seconds: point,
    times: moments.map((moment) => new Date(moment).toISOString()),
    messages_per_second: valuesOf('', ({ rate }) => rate),
    undispatched_seconds: valuesOf('', (row) => row.backlog_age_seconds),
    subscribers: [...byName.keys()]
      .filter((name) => name !== '')
      .sort()
      .map((name) => ({
        name,
        rate: valuesOf(name, ({ rate }) => rate),
        error_rate: valuesOf(name, ({ error_rate }) => error_rate),
        backlog: valuesOf(name, ({ backlog }) => backlog),
        backlog_age_seconds: valuesOf(name, (row) => row.backlog_age_seconds),
        dead_letters: valuesOf(name, ({ dead_letters }) => dead_letters),
      })),
  };
}

const rounded = (n: number) => Math.round(n * 1000) / 1000;
