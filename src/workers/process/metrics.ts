import { readFileSync } from 'node:fs';
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client';
import type { DispatcherOptions } from '../../outbox/dispatcher.ts';
import type { Config } from '../../settings/config.ts';
import type { EffectAnswer } from '../../transport/dispatch.ts';
import type { Middleware } from '../middleware.ts';
import { versionOf } from '../presence.ts';

/** From what a webhook to a neighbour takes to what waits for an outage, in seconds. */
const DELAYS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200];

/**
 * How often to look how late the event loop is, in ms. By default it is 10, and the looking is
 * most of what an idle process does.
 */
const LAG_MS = 100;

/** Of which commit this build is, as `npm run build` has noted it. */
function commitOfBuild(): string {
  try {
    return readFileSync(new URL('../../commit.txt', import.meta.url), 'utf8').trim() || 'unknown';
  } catch {
    return 'unknown';
  }
}

/** What every process tells: `process_*`, `nodejs_*`, and which build it is. */
export function registerProcessMetrics(
  registry: Registry,
  config: Pick<Config, 'KNOCKON_VERSION'>,
): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_MS });
  const labels = { version: versionOf(config), commit: commitOfBuild(), node: process.version };
  new Gauge({
    name: 'knockon_build_info',
    help: 'Always 1; which version of Knock-on this is, of which commit, on which version of Node.',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
}

/** When a UUIDv7 was made, in ms since 1970 by its maker's clock. */
const timeOf = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

/**
 * @returns told of each dispatch that the transport has taken, and for how long it had been
 * claimed, in ms
 */
export function dispatchDelays(registry: Registry): NonNullable<DispatcherOptions['onDispatched']> {
  const delay = new Histogram({
    name: 'knockon_dispatch_delay_seconds',
    help:
      'From the commit of an event, or the moment that it was scheduled for, until the transport ' +
      'has taken its dispatch: the oldest event of each dispatch.',
    buckets: DELAYS,
    registers: [registry],
  });
  // Both ids are Postgres' own: no clock of another machine counts.
  return ({ id, oldest_event_id, overdue_ms }, heldMs) => {
    if (oldest_event_id === undefined) return;
    const age = oldest_event_id === null ? 0 : timeOf(id) - timeOf(oldest_event_id);
    delay.observe((Math.max(0, age, overdue_ms ?? 0) + heldMs) / 1000);
  };
}

/** What came of a call, for a label: the worst of it. */
function outcomeOf({ done, open, put_off }: EffectAnswer): string {
  if (put_off !== undefined) return 'put_off';
  for (const state of ['dead', 'retry', 'later'] as const)
    if (open.some((one) => one.state === state)) return state;
  return done > 0 ? 'done' : 'nothing';
}

/** Measures the calls of effects. */
export class EffectMetrics {
  readonly #effects: Counter<'subscriber' | 'outcome'>;
  readonly #attempts: Histogram<'subscriber' | 'outcome'>;
  readonly #delays: Histogram<'subscriber'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#effects = new Counter({
      name: 'knockon_effects_total',
      help:
        'Effects by subscriber and outcome: done, retry (failed, tried again), later (waits on ' +
        'purpose), dead (given up). Of an event with several targets each counts.',
      labelNames: ['subscriber', 'outcome'],
      registers,
    });
    this.#attempts = new Histogram({
      name: 'knockon_attempt_duration_seconds',
      help:
        'How long calls of effects took, by subscriber and outcome: the worst of dead, retry, ' +
        'later and done; nothing (it was done already), put_off (not made now), error (it failed ' +
        'as a whole).',
      labelNames: ['subscriber', 'outcome'],
      buckets: DELAYS,
      registers,
    });
    this.#delays = new Histogram({
      name: 'knockon_effect_delay_seconds',
      help:
        'From a dispatch to the end of a call that has done events of it, by subscriber. Pauses ' +
        'and retries are in it.',
      labelNames: ['subscriber'],
      buckets: DELAYS,
      registers,
    });
  }

  /** Measures the calls of an effect. */
  measured<Beside extends unknown[] = []>(subscriber: string): Middleware<Beside> {
    return (next) =>
      async (call, ...beside) => {
        const began = performance.now();
        const attempted = (outcome: string) =>
          this.#attempts.observe({ subscriber, outcome }, (performance.now() - began) / 1000);
        try {
          const answer = await next(call, ...beside);
          attempted(outcomeOf(answer));
          if (answer.done > 0) {
            this.#effects.inc({ subscriber, outcome: 'done' }, answer.done);
            this.#delays.observe(
              { subscriber },
              Math.max(0, Date.now() - timeOf(call.dispatch_id)) / 1000,
            );
          }
          for (const { state } of answer.open) this.#effects.inc({ subscriber, outcome: state });
          return answer;
        } catch (error) {
          attempted('error');
          throw error;
        }
      };
  }
}
