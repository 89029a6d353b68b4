import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { RetryPolicy } from '../../transport/dispatch.ts';
import { defineEffect } from '../runtime/effect.ts';
import type { CircuitOptions } from './circuit.ts';
import { type OpenDelivery, openDeliveries } from './deliveries.ts';
import { Lanes } from './lanes.ts';
import { createSender } from './send.ts';
import { serve } from './serve.ts';
import { together } from './together.ts';

export { redeliver } from './redeliver.ts';
export { sendTest, type TestResult } from './send-test.ts';
export { isAllowedWebhookUrl } from './url.ts';

export interface WebhookDependencies {
  /** Opens the endpoints' secrets. */
  seal: Seal;
  /** CIDRs that may be reached although they are not public. */
  allow: string[];
  /** How long one try may take, in ms. */
  timeoutMs: number;
  /** Tries of one (event, endpoint) before it is a dead letter (default 12: the last is made 22.6 h after the first). */
  attempts?: number;
  /** When an endpoint that fails is left alone. Default: after 10 failures in a row, at first for 30 s, at most for 15 min. */
  circuit?: Partial<CircuitOptions>;
}

/** Requests that a worker process has under way at once, to one endpoint and in all; and its calls, which mostly wait for answers. */
const WIDTHS = { endpoint: 8, all: 64, calls: 8 };
const CALLS = 32;

const CIRCUIT: CircuitOptions = { failures: 10, firstMs: 30_000, longestMs: 15 * 60_000 };

/** What a call needs beside its tries: the books, and turns that it waits for itself. */
const MARGIN_MS = 10_000;

/**
 * Sends each event to the endpoints of its workspace that want its type. An endpoint is a target: it fails and is retried
 * alone. The row in `deliveries` is its receipt, so a repeated call sends only what has not been delivered.
 */
export const webhooks = (deps: WebhookDependencies) => {
  const { seal, timeoutMs } = deps;
  const send = createSender(deps);
  const lanes = new Lanes(WIDTHS);
  const circuit = { ...CIRCUIT, ...deps.circuit };
  const callMs = Math.max(60_000, 3 * timeoutMs);
  const effect = defineEffect({
    name: 'webhooks',
    description: 'Sends events to the endpoints that want them, signed by the Standard Webhooks specification.',
    on: ['*'],
    batch: 500,
    concurrency: CALLS,
    timeout: `${callMs}ms`,
    retry: { attempts: deps.attempts ?? 12, initial: '5s', backoff: 3, max: '6h' },
    async perform(events, call) {
      // Slow endpoints must not use up the call's time: what has not been begun by then gets a call of its own.
      const until = performance.now() + callMs - timeoutMs - MARGIN_MS;
      const open = await openDeliveries(call.db, events, call.target);
      if (open.length === 0) return;
      const serving = { byId: byId(events), until, call, send, seal, lanes, circuit, probeMs: timeoutMs + MARGIN_MS, giveUpMs };
      const outcomes = await Promise.all(byEndpoint(open).map((deliveries) => serve(serving, deliveries)));
      return call.target === undefined ? together(outcomes.flat()) : outcomes.flat();
    },
  });
  const giveUpMs = span(effect.retry);
  return effect;
};

/** How long all tries take together, in ms: the waits between them, of which each may be a fifth longer or shorter. */
export function span({ attempts, initial_ms, max_ms, backoff }: RetryPolicy): number {
  if (attempts === 0) return Number.POSITIVE_INFINITY;
  let [sum, wait] = [0, initial_ms];
  for (let i = 1; i < attempts; i++, wait = Math.min(wait * backoff, max_ms)) sum += wait;
  return sum;
}

const byId = (events: DomainEvent[]) => new Map(events.map((event) => [event.id, event]));

function byEndpoint(open: OpenDelivery[]): OpenDelivery[][] {
  const groups = new Map<string, OpenDelivery[]>();
  for (const delivery of open) {
    const group = groups.get(delivery.endpoint_id);
    if (group) group.push(delivery);
    else groups.set(delivery.endpoint_id, [delivery]);
  }
  return [...groups.values()];
}
