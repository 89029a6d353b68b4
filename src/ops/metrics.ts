import type { Sql } from 'postgres';
import { Gauge, type Registry } from 'prom-client';
import { deadLetterCounts, oldestUndispatched } from '../outbox/ledger.ts';

/**
 * Registers what an operator watches: asked of Postgres at each scrape, so every process says the same. Where Postgres is away
 * the figures are missing and the others stay.
 */
export function registerLedgerMetrics(registry: Registry, sql: Sql): void {
  new Gauge({
    name: 'knockon_oldest_undispatched_seconds',
    help: 'Age of the oldest event that has not reached the transport; 0 where there is none.',
    registers: [registry],
    async collect() {
      this.set((await oldestUndispatched(sql).catch(() => Number.NaN)) ?? 0);
    },
  });
  new Gauge({
    name: 'knockon_dead_letters',
    help: 'Dead letters that nobody has dealt with, by subscriber.',
    labelNames: ['subscriber'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { subscriber, count } of await deadLetterCounts(sql).catch(() => [])) this.set({ subscriber }, count);
    },
  });
}
