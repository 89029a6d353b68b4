import { setMaxListeners } from 'node:events';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { RetryPolicy } from '../../transport/dispatch.ts';
import { defineEffect } from '../runtime/effect.ts';
import type { CircuitOptions } from './circuit.ts';
import { type OpenDelivery, openDeliveries } from './deliveries.ts';
import { mergeWaits } from './merge-waits.ts';
import { Places } from './places.ts';
import { createSender, type SenderOptions } from './send.ts';
import { type Serving, serve } from './serve.ts';
import { Unrecorded } from './unrecorded.ts';

export { redeliver } from './redeliver.ts';
export { sendTest, type TestResult } from './send-test.ts';
export { isAllowedWebhookUrl } from './url.ts';

export interface WebhookDependencies extends SenderOptions {
  /** Opens the endpoints' secrets. */
  seal: Seal;
  /**
   * Tries of one (event, endpoint) before it is a dead letter (default 12: the last is made 22.6 h
   * after the first).
   */
  attempts?: number;
  /**
   * When an endpoint that fails is left alone. Default: after 10 failures in a row, at first for 30
   * s, at most for 15 min.
   */
  circuit?: Partial<CircuitOptions>;
  /** Requests that one worker process has under way at once (default 512). */
  concurrency?: number;
}

/** Requests that a worker process has under way at once, unless it is told otherwise. */
const CONCURRENCY = 512;

/**
 * Calls that read and write at once; and those that only wait, beside as many as there are
 * requests.
 */
const CALLS = { working: 32, waiting: 128 };

const CIRCUIT: CircuitOptions = { failures: 10, firstMs: 30_000, longestMs: 15 * 60_000 };

/** What a call needs beside its tries: the books, and turns that it waits for itself. */
const MARGIN_MS = 10_000;

/**
 * How long a call begins requests to slow endpoints, in ms: the others' answers must not wait for
 * them.
 */
const SOON_MS = 3000;

/** From then on a call counts as one that only waits, in ms. */
const WORK_MS = 500;

/**
 * Sends each event to the endpoints of its workspace that want its type. An endpoint is a target:
 * it fails and is retried alone. The row in `deliveries` is its receipt, so a repeated call sends
 * only what has not been delivered.
 */
export const webhooks = (deps: WebhookDependencies) => {
  const { seal, timeoutMs, concurrency = CONCURRENCY } = deps;
  const send = createSender(deps);
  const places = new Places(concurrency);
  const unrecorded = new Unrecorded();
  const circuit = { ...CIRCUIT, ...deps.circuit };
  const callMs = Math.max(60_000, 3 * timeoutMs);
  const effect = defineEffect({
    name: 'webhooks',
    description:
      'Sends events to the endpoints that want them, signed by the Standard Webhooks specification.',
    on: ['*'],
    batch: 500,
    concurrency: CALLS.working,
    manyTargets: true,
    waiting: concurrency + CALLS.waiting,
    timeout: `${callMs}ms`,
    retry: { attempts: deps.attempts ?? 12, initial: '5s', backoff: 3, max: '6h' },
    async perform(events, call) {
      const began = performance.now();
      const targets = call.targets ?? (call.target === undefined ? undefined : [call.target]);
      const open = await openDeliveries(call.db, events, targets);
      if (open.length === 0) return;
      // Slow endpoints must not use up the call's time: what has not been begun by then gets a call
      // of its own.
      const times = {
        until: began + callMs - timeoutMs - MARGIN_MS,
        soon: performance.now() + SOON_MS,
      };
      const serving: Serving = {
        ...times,
        unrecorded,
        byId: byId(events),
        call,
        send,
        seal,
        places,
        circuit,
        probeMs: timeoutMs + MARGIN_MS,
        giveUpMs,
      };
      // Each request listens to it.
      setMaxListeners(0, call.signal);
      const onlyWaits = setTimeout(() => call.onlyWaits?.(), WORK_MS);
      try {
        const left = await Promise.all(
          byEndpoint(open).map((deliveries) => serve(serving, deliveries)),
        );
        if (serving.failure !== undefined) throw serving.failure;
        return mergeWaits(
          left.flat(),
          ({ event_id }) => serving.byId.get(event_id)!,
          targets !== undefined,
        );
      } finally {
        clearTimeout(onlyWaits);
      }
    },
  });
  const giveUpMs = span(effect.retry);
  return effect;
};

/**
 * How long all tries take together, in ms: the waits between them, of which each may be a fifth
 * longer or shorter.
 */
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
