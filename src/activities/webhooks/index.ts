import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { dead, defineEffect, later, type OutsideCall, retry } from '../runtime/effect.ts';
import { deliver } from './deliver.ts';
import { type OpenDelivery, openDeliveries } from './deliveries.ts';
import { createSender, type Send } from './send.ts';

export { sendTest, type TestResult } from './send-test.ts';
export { isAllowedWebhookUrl } from './url.ts';

export interface WebhookDependencies {
  /** Opens the endpoints' secrets. */
  seal: Seal;
  /** CIDRs that may be reached although they are not public. */
  allow: string[];
  /** How long one try may take, in ms. */
  timeoutMs: number;
  /** Tries of one (event, endpoint) before it is a dead letter (default 12, about three days). */
  attempts?: number;
}

/** Endpoints that one call serves side by side, and requests to one of them: a slow one does not hold the others. */
const ENDPOINTS_AT_ONCE = 8;
const REQUESTS_AT_ONCE = 4;

/**
 * Sends each event to the endpoints of its workspace that want its type. An endpoint is a target: it fails and is retried
 * alone. The row in `deliveries` is its receipt, so a repeated call sends only what has not been delivered.
 */
export const webhooks = (deps: WebhookDependencies) => {
  const send = createSender(deps);
  const timeoutMs = Math.max(60_000, 3 * deps.timeoutMs);
  return defineEffect({
    name: 'webhooks',
    description: 'Sends events to the endpoints that want them, signed by the Standard Webhooks specification.',
    on: ['*'],
    batch: 100,
    timeout: `${timeoutMs}ms`,
    retry: { attempts: deps.attempts ?? 12, initial: '5s', backoff: 3, max: '6h' },
    async perform(events, call) {
      // Slow endpoints must not use up the call's time: what has not been begun by then gets a call of its own.
      const until = performance.now() + timeoutMs - deps.timeoutMs - 10_000;
      const open = await openDeliveries(call.db, events, call.target);
      const byId = new Map(events.map((event) => [event.id, event]));
      const outcomes = await pMap(byEndpoint(open), (deliveries) => serve({ deliveries, byId, until, call, send, seal: deps.seal }), {
        concurrency: ENDPOINTS_AT_ONCE,
      });
      return outcomes.flat();
    },
  });
};

interface Serving {
  deliveries: OpenDelivery[];
  byId: Map<string, DomainEvent>;
  until: number;
  call: OutsideCall;
  send: Send;
  seal: Seal;
}

/** Everything of one call that is for one endpoint. */
async function serve({ deliveries, byId, until, call, send, seal }: Serving): Promise<OpenOutcome[]> {
  const outcomes = await pMap(
    deliveries,
    async (delivery): Promise<OpenOutcome[]> => {
      const event = byId.get(delivery.event_id);
      if (!event) return [];
      const which = { event, target: delivery.endpoint_id };
      if (call.signal.aborted || performance.now() > until) return [later(which, new Date())];
      const { verdict } = await deliver({ db: call.db, seal, send, signal: call.signal }, { id: delivery.id, event, endpoint: delivery });
      if (verdict.state === 'delivered') return [];
      const { state, cause, reason, after_ms } = verdict;
      return [state === 'dead' ? dead(which, reason, { cause }) : retry(which, reason, { cause, after_ms })];
    },
    { concurrency: REQUESTS_AT_ONCE },
  );
  return outcomes.flat();
}

function byEndpoint(open: OpenDelivery[]): OpenDelivery[][] {
  const groups = new Map<string, OpenDelivery[]>();
  for (const delivery of open) groups.set(delivery.endpoint_id, [...(groups.get(delivery.endpoint_id) ?? []), delivery]);
  return [...groups.values()];
}
