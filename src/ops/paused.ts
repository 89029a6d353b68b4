import type { Sql } from 'postgres';
import { Gauge, type Registry } from 'prom-client';
import { soon } from '../db/soon.ts';
import { readControls } from './controls.ts';

/** A subscriber that has been paused for longer than somebody may have meant. */
export interface ForgottenPause {
  name: string;
  by: string;
  reason: string;
  at: string;
  seconds: number;
}

/** Those that have been paused for more than so long (ms), the longest first. */
export async function forgottenPauses(sql: Sql, thresholdMs: number): Promise<ForgottenPause[]> {
  return (await readControls(sql))
    .flatMap(({ subscriber, paused_at, paused_by, pause_reason }) =>
      paused_at
        ? [{ name: subscriber, by: paused_by ?? '', reason: pause_reason ?? '', at: paused_at.toISOString(), ...since(paused_at) }]
        : [],
    )
    .filter(({ seconds }) => seconds * 1000 > thresholdMs)
    .sort((a, b) => b.seconds - a.seconds);
}

const since = (moment: Date) => ({ seconds: Math.round((Date.now() - moment.getTime()) / 1000) });

/** Registers for how long each paused subscriber has been so, asked at each scrape, and how long that may be. */
export function registerPauseMetrics(registry: Registry, sql: Sql, thresholdMs: number): void {
  new Gauge({
    name: 'knockon_paused_seconds',
    help: 'For how long a subscriber has been paused, by subscriber; those that are not paused are not there.',
    labelNames: ['subscriber'],
    registers: [registry],
    async collect() {
      this.reset();
      const paused = await soon(forgottenPauses(sql, 0)).catch(() => []);
      for (const { name, seconds } of paused) this.set({ subscriber: name }, seconds);
    },
  });
  new Gauge({
    name: 'knockon_paused_too_long',
    help: 'Subscribers that have been paused for longer than KNOCKON_PAUSED_TOO_LONG.',
    registers: [registry],
    async collect() {
      this.set(
        await soon(forgottenPauses(sql, thresholdMs)).then(
          ({ length }) => length,
          () => Number.NaN,
        ),
      );
    },
  });
}
