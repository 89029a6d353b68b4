import type { Sql } from 'postgres';
import { Gauge, type Registry } from 'prom-client';
import { soon } from '../../db/soon.ts';

/** A subscriber that has been paused for longer than somebody may have meant. */
export interface StalePause {
  name: string;
  by: string;
  reason: string;
  at: string;
  seconds: number;
}

/**
 * Those that have been paused for so long (ms) or longer, by the database's clock, the longest
 * first.
 */
export async function stalePauses(pg: Sql, thresholdMs: number): Promise<StalePause[]> {
  const rows = await pg<(Omit<StalePause, 'at'> & { at: Date })[]>`
    select c.subscriber as name, coalesce(c.paused_by, '') as by, coalesce(c.pause_reason,
      '') as reason, c.paused_at as at,
      round(extract(epoch from now() - c.paused_at))::float8 as seconds
    from knockon.controls c join knockon.subscribers s on s.name = c.subscriber
      and s.retired_at is null
    where now() - c.paused_at >= ${thresholdMs}::float8 * interval '1 ms' order by c.paused_at,
      c.subscriber`;
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
}

/**
 * Registers for how long each paused subscriber has been so, asked at each scrape, and how long
 * that may be.
 */
export function registerPauseMetrics(registry: Registry, pg: Sql, thresholdMs: number): void {
  new Gauge({
    name: 'knockon_paused_seconds',
    help:
      'For how long a subscriber has been paused, by subscriber; those that are not paused are ' +
      'not there.',
    labelNames: ['subscriber'],
    registers: [registry],
    async collect() {
      this.reset();
      const paused = await soon(stalePauses(pg, 0)).catch(() => []);
      for (const { name, seconds } of paused) this.set({ subscriber: name }, seconds);
    },
  });
  new Gauge({
    name: 'knockon_paused_too_long',
    help: 'Subscribers that have been paused for longer than KNOCKON_PAUSED_TOO_LONG.',
    registers: [registry],
    async collect() {
      this.set(
        await soon(stalePauses(pg, thresholdMs)).then(
          ({ length }) => length,
          () => Number.NaN,
        ),
      );
    },
  });
}
