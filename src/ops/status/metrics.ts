import type { Sql } from 'postgres';
import { Gauge, type Registry } from 'prom-client';
import { soon } from '../../db/soon.ts';
import type { Account } from '../../outbox/ledger.ts';
import { oldestUndispatched } from '../../outbox/ledger.ts';
import { readBacklogs } from './backlogs.ts';
import type { Checked } from './ledger-check.ts';

/** What the newest check says of each subscriber. */
const gauges: SubscriberGauge<Account>[] = [
  {
    name: 'knockon_missing',
    help:
      'Effects that are neither done nor dead, and that no dispatch is running for, by ' +
      'subscriber; should be 0.',
    of: ({ missing }) => missing,
  },
  {
    name: 'knockon_in_flight',
    help:
      'Effects that are dispatched and not settled, by subscriber, those included that wait on ' +
      'purpose.',
    of: ({ in_flight }) => in_flight,
  },
  {
    name: 'knockon_oldest_open_seconds',
    help:
      'Age of the oldest event that is neither done nor given up, by subscriber, those included ' +
      'that wait on purpose: alert on knockon_untried_age_seconds instead. 0 where there is none.',
    of: ({ oldest_seconds }) => oldest_seconds ?? 0,
  },
  {
    name: 'knockon_dead_letters',
    help: 'Dead letters that nobody has dealt with, by subscriber.',
    of: ({ dead }) => dead,
  },
];

/**
 * Registers what an operator watches. The oldest undispatched event is asked of Postgres at each
 * scrape (two index look-ups); the ledger's figures are those of the newest background check. Where
 * Postgres is away the first is missing and the others stay.
 */
export function registerLedgerMetrics(
  registry: Registry,
  pg: Sql,
  latest: () => Checked | null,
): void {
  new Gauge({
    name: 'knockon_oldest_undispatched_seconds',
    help: 'Age of the oldest event that has not reached the transport; 0 where there is none.',
    registers: [registry],
    async collect() {
      this.set((await soon(oldestUndispatched(pg)).catch(() => Number.NaN)) ?? 0);
    },
  });
  new Gauge({
    name: 'knockon_scheduled_events',
    help: 'Events that are for later, as the newest check of the ledger counted them.',
    registers: [registry],
    collect() {
      this.set(latest()?.balance.scheduled.count ?? Number.NaN);
    },
  });
  new Gauge({
    name: 'knockon_ledger_checked_seconds',
    help: 'How long ago the ledger was checked.',
    registers: [registry],
    collect() {
      const checked = latest();
      this.set(checked ? (Date.now() - checked.checked_at.getTime()) / 1000 : Number.NaN);
    },
  });
  registerBySubscriber(registry, gauges, async () => latest()?.balance.subscribers ?? []);
}

/** A gauge of each subscriber. */
interface SubscriberGauge<T> {
  name: string;
  help: string;
  of(subscriber: T): number;
}

/** Registers gauges that are read at each scrape, a series a subscriber. */
function registerBySubscriber<T extends { name: string }>(
  registry: Registry,
  all: SubscriberGauge<T>[],
  read: () => Promise<T[]>,
): void {
  for (const { name, help, of } of all) {
    new Gauge({
      name,
      help,
      labelNames: ['subscriber'],
      registers: [registry],
      async collect() {
        this.reset();
        for (const subscriber of await read())
          this.set({ subscriber: subscriber.name }, of(subscriber));
      },
    });
  }
}

/** How each subscriber stands. */
export interface SubscriberBacklog {
  name: string;
  paused: boolean;
  backlog: number;
  retrying: number;
  waiting: number;
  untried_seconds: number;
}

/** How all subscribers stand. Costs what is open. */
export async function readSubscriberBacklogs(pg: Sql): Promise<SubscriberBacklog[]> {
  const rows = await pg<{ name: string; paused: boolean }[]>`
    select s.name, c.paused_at is not null as paused from knockon.subscribers s
      left join knockon.controls c on c.subscriber = s.name order by s.name`;
  const names = rows.map(({ name }) => name);
  const backlogs = await readBacklogs(pg, names);
  return rows.map(({ name, paused }) => {
    const { backlog = 0, retrying = 0, waiting = 0, untried_age } = backlogs.get(name) ?? {};
    return {
      name,
      paused,
      backlog,
      retrying,
      waiting,
      untried_seconds: Math.max(0, untried_age ?? 0),
    };
  });
}

const backlogGauges: SubscriberGauge<SubscriberBacklog>[] = [
  {
    name: 'knockon_untried_age_seconds',
    help:
      'Age of the oldest event that a subscriber has not tried yet; 0 where there is none. To ' +
      'alert on, unless knockon_subscriber_paused is 1: what waits for a retry or on purpose is ' +
      'not in it.',
    of: ({ untried_seconds }) => untried_seconds,
  },
  {
    name: 'knockon_backlog_events',
    help:
      'Events that a subscriber has neither done nor given up, without those that wait on ' +
      'purpose.',
    of: ({ backlog }) => backlog,
  },
  {
    name: 'knockon_retrying_events',
    help: 'Events of the backlog that have failed and are tried again, by subscriber.',
    of: ({ retrying }) => retrying,
  },
  {
    name: 'knockon_waiting_events',
    help:
      'Events that wait on purpose, by subscriber, such as a mail that gives its reader time, or ' +
      'a webhook for an endpoint that rests.',
    of: ({ waiting }) => waiting,
  },
  {
    name: 'knockon_subscriber_paused',
    help: '1 while an operator has paused the subscriber, else 0.',
    of: ({ paused }) => Number(paused),
  },
];

/**
 * Registers what waits, apart from what is meant to wait. Where Postgres does not say, the series
 * are missing.
 */
export function registerBacklogMetrics(
  registry: Registry,
  read: () => Promise<SubscriberBacklog[]>,
): void {
  registerBySubscriber(registry, backlogGauges, () => soon(read()).catch(() => []));
}
