import type { Sql } from 'postgres';
import { Gauge, type Registry } from 'prom-client';
import { soon } from '../db/soon.ts';
import type { Account } from '../outbox/ledger.ts';
import { oldestUndispatched } from '../outbox/ledger.ts';
import type { Checked } from './check.ts';

/** What the newest check says of each subscriber. */
const gauges: { name: string; help: string; of(account: Account): number }[] = [
  {
    name: 'knockon_missing',
    help: 'Effects that are neither done nor given up and that nothing is at work on, by subscriber; 0 where all is well.',
    of: ({ missing }) => missing,
  },
  { name: 'knockon_in_flight', help: 'Effects that are dispatched and not settled, by subscriber.', of: ({ in_flight }) => in_flight },
  {
    name: 'knockon_oldest_open_seconds',
    help: 'Age of the oldest event that is neither done nor given up, by subscriber; 0 where there is none.',
    of: ({ oldest_seconds }) => oldest_seconds ?? 0,
  },
  { name: 'knockon_dead_letters', help: 'Dead letters that nobody has dealt with, by subscriber.', of: ({ dead }) => dead },
];

/**
 * Registers what an operator watches. The oldest undispatched event is asked of Postgres at each scrape (two index look-ups); the
 * ledger's figures are those of the newest background check. Where Postgres is away the first is missing and the others stay.
 */
export function registerLedgerMetrics(registry: Registry, sql: Sql, latest: () => Checked | null): void {
  new Gauge({
    name: 'knockon_oldest_undispatched_seconds',
    help: 'Age of the oldest event that has not reached the transport; 0 where there is none.',
    registers: [registry],
    async collect() {
      this.set((await soon(oldestUndispatched(sql)).catch(() => Number.NaN)) ?? 0);
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
  for (const { name, help, of } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: ['subscriber'],
      registers: [registry],
      collect() {
        this.reset();
        for (const account of latest()?.balance.subscribers ?? []) this.set({ subscriber: account.name }, of(account));
      },
    });
  }
}
