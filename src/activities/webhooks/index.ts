import { setMaxListeners } from 'node:events';
import { groupBy } from '../../group-by.ts';
import type { Seal } from '../../seal.ts';
import type { RetryPolicy } from '../../transport/dispatch.ts';
import { defineEffect } from '../runtime/effect.ts';
import type { CircuitOptions } from '../runtime/http/circuit.ts';
import { createSender, type SenderOptions } from '../runtime/http/send.ts';
import { UnrecordedAttempts } from './delivery/deliver.ts';
import { deliverToEndpoint, type SharedCall } from './delivery/deliver-to-endpoint.ts';
import { openDeliveries } from './delivery/deliveries.ts';
import { mergeWaits } from './delivery/merge-waits.ts';
import { RequestPermits } from './limits/request-permits.ts';

export { isAllowedWebhookUrl } from '../runtime/network/ssrf.ts';
export { redeliver, sendTest, type TestResult } from './delivery/send-now.ts';

export interface WebhookDependencies extends SenderOptions {
  /** Opens the endpoints' secrets. */
  seal: Seal;
  /**
   * Attempts for one (event, endpoint) before it is a dead letter. Default 12: the last is made
   * 22.6 h after the first.
   */
  attempts?: number;
  /**
   * When the circuit of a failing endpoint opens. Default: after 10 consecutive failures, for 30 s
   * at first and 15 min at most.
   */
  circuit?: Partial<CircuitOptions>;
  /** Most requests in flight of one worker process (default 512). */
  concurrency?: number;
}

const CONCURRENCY = 512;

/** Calls at once that read and write, and calls that only wait (beside one for each request). */
const CALLS = { working: 32, waiting: 128 };

const CIRCUIT: CircuitOptions = { failures: 10, firstMs: 30_000, longestMs: 15 * 60_000 };

/** Time that a call needs besides its requests: for the database, and for rate slots. */
const MARGIN_MS = 10_000;

/** How long a call begins requests to slow endpoints, so that other answers don't wait for them. */
const BEGIN_SLOW_MS = 3000;

/** A call counts as one that only waits after so many ms. */
const WORK_MS = 500;

/**
 * Sends each event to the endpoints of its workspace that want its type. Each endpoint is a target:
 * it fails and is retried alone. Its row in `deliveries` is the receipt, so a repeated call sends
 * only what has not been delivered.
 */
export const webhooks = (deps: WebhookDependencies) => {
  const { seal, timeoutMs, concurrency = CONCURRENCY } = deps;
  const callMs = Math.max(60_000, 3 * timeoutMs);
  const ofProcess = {
    seal,
    send: createSender(deps),
    permits: new RequestPermits(concurrency),
    unrecorded: new UnrecordedAttempts(),
    circuit: { ...CIRCUIT, ...deps.circuit },
    probeMs: timeoutMs + MARGIN_MS,
  };
  const effect = defineEffect({
    name: 'webhooks',
    description:
      'Sends events to the endpoints that want them, signed as Standard Webhooks specifies.',
    on: ['*'],
    // Each request for an event says the same.
    as: 'stored',
    batch: 500,
    concurrency: CALLS.working,
    manyTargets: true,
    waiting: concurrency + CALLS.waiting,
    timeout: `${callMs}ms`,
    retry: { attempts: deps.attempts ?? 12, initial: '5s', backoff: 3, max: '6h' },
    async perform(events, call) {
      // A slow database uses up the call's time. Slow endpoints have theirs from when it answers.
      const beginUntil = performance.now() + callMs - timeoutMs - MARGIN_MS;
      const targets = call.targets ?? (call.target === undefined ? undefined : [call.target]);
      const open = await openDeliveries(call.db, events, { targets, dispatchId: call.dispatch_id });
      if (open.length === 0) return;
      const eventsById = new Map(events.map((event) => [event.id, event]));
      const beginSlowUntil = performance.now() + BEGIN_SLOW_MS;
      const shared: SharedCall = {
        ...ofProcess,
        call,
        eventsById,
        beginUntil,
        beginSlowUntil,
        giveUpMs,
      };
      // Each request listens to the signal.
      setMaxListeners(0, call.signal);
      const onlyWaits = setTimeout(() => call.onlyWaits?.(), WORK_MS);
      try {
        const byEndpoint = groupBy(open, ({ endpoint_id }) => endpoint_id);
        const unfinished = await Promise.all(
          Array.from(byEndpoint.values(), (deliveries) => deliverToEndpoint(shared, deliveries)),
        );
        if (shared.failure !== undefined) throw shared.failure;
        const eventOf = ({ event_id }: { event_id: string }) => eventsById.get(event_id)!;
        return mergeWaits(unfinished.flat(), eventOf, targets !== undefined);
      } finally {
        clearTimeout(onlyWaits);
      }
    },
  });
  // With a single try a delivery to a failing endpoint waits for a probe too.
  const giveUpMs = Math.max(totalRetryMs(effect.retry), effect.retry.initial_ms);
  return effect;
};

/** All waits between the attempts together, in ms. Each may be a fifth longer or shorter. */
export function totalRetryMs({ attempts, initial_ms, max_ms, backoff }: RetryPolicy): number {
  if (attempts === 0) return Number.POSITIVE_INFINITY;
  let [sum, wait] = [0, initial_ms];
  for (let i = 1; i < attempts; i++) {
    sum += wait;
    wait = Math.min(wait * backoff, max_ms);
  }
  return sum;
}
