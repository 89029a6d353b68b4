import type { Sql } from 'postgres';
import { oldestUndispatched } from '../../outbox/ledger.ts';
import { type Control, type SubscriberCondition, stateOf } from '../controls/controls.ts';
import { readBacklogs } from './backlogs.ts';
import { readRates, readWorkers } from './workers.ts';

/** How a subscriber is doing at a moment. */
export interface SubscriberSample {
  name: string;
  state: SubscriberCondition;
  /** Events done a second. */
  rate: number;
  /** Of what was tried in the last five minutes, which part failed: 0 to 1. */
  error_rate: number;
  backlog: number;
  backlog_age_seconds: number;
  /** Worker processes. */
  workers: number;
  dead_letters: number;
}

/** The figures of all subscribers at a moment. */
export interface Sample {
  at: string;
  messages_per_second: number;
  /** Age of the oldest event that has not reached the transport; 0 where there is none. */
  undispatched_seconds: number;
  /** By name. */
  subscribers: SubscriberSample[];
}

/**
 * What each subscriber has got done since a moment, counted at `at` (ms since 1970). Two of them
 * since the same moment make a rate.
 */
export interface Totals {
  at: number;
  done: Map<string, number>;
}

/**
 * @param from less than an hour ago by the database's clock: what workers have done is kept no
 * longer
 */
export async function readTotals(pg: Sql, from: Date): Promise<Totals> {
  const rows = await pg<{ subscriber: string; done: number }[]>`
    select subscriber, sum(done)::float8 as done from knockon.effect_rates
      where since >= ${from.toISOString()} group by subscriber`;
  return { at: Date.now(), done: new Map(rows.map(({ subscriber, done }) => [subscriber, done])) };
}

/** That many ms ago, by the database's clock. */
export async function momentAgo(pg: Sql, ms: number): Promise<Date> {
  const [row] = await pg<
    { moment: Date }[]
  >`select now() - ${ms}::float8 * interval '1 ms' as moment`;
  return row!.moment;
}

/**
 * Over how long messages are counted, in seconds. An id holds its time, so this reads only what is
 * that young.
 */
const MESSAGES_OVER = 5;

const readSubscribers = (pg: Sql) => pg<
  ({ name: string; dead_letters: number } & Pick<
    Control,
    'paused_at' | 'per_second' | 'retired_at'
  >)[]
>`
  select s.name, s.retired_at, c.paused_at, c.per_second,
    (select count(*)::int from knockon.dead_letters l where l.subscriber = s.name) as dead_letters
  from knockon.subscribers s left join knockon.controls c on c.subscriber = s.name
    order by s.name collate "C"`;

const readMessages = (pg: Sql) => pg<{ n: number }[]>`
  select count(*)::int as n from knockon.messages
    where id >= knockon.uuid_at(now() - ${MESSAGES_OVER} * interval '1 s')`;

/**
 * Reads the figures of all subscribers. Postgres alone is asked, so that they are told while the
 * transport is away. @param since rates are since then
 */
export async function readSample(
  pg: Sql,
  totals: Totals,
  since: Totals | undefined,
): Promise<Sample> {
  const rows = await readSubscribers(pg);
  const names = rows.map(({ name }) => name);
  const [messages] = await readMessages(pg);
  const undispatched = await oldestUndispatched(pg);
  const backlogs = await readBacklogs(pg, names);
  const rates = await readRates(pg);
  const workers = await readWorkers(pg);
  return {
    at: new Date(totals.at).toISOString(),
    messages_per_second: (messages?.n ?? 0) / MESSAGES_OVER,
    undispatched_seconds: Math.max(0, undispatched ?? 0),
    subscribers: rows.map(({ name, dead_letters, ...control }) => {
      const { backlog = 0, age = 0 } = backlogs.get(name) ?? {};
      const { rate = 0, error_rate = 0 } = rates.get(name) ?? {};
      const hosts = workers.filter(({ alive, effects }) => alive && effects[name]).length;
      const counted = {
        backlog,
        backlog_age_seconds: Math.max(0, age ?? 0),
        workers: hosts,
        dead_letters,
      };
      return {
        name,
        state: stateOf(control),
        rate: since ? rateOf(name, totals, since) : rate,
        error_rate,
        ...counted,
      };
    }),
  };
}

function rateOf(name: string, now: Totals, then: Totals): number {
  const more = (now.done.get(name) ?? 0) - (then.done.get(name) ?? 0);
  return more / Math.max(1, (now.at - then.at) / 1000);
}
