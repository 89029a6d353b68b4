import { eq, sql } from 'drizzle-orm';
import { deliveries } from '../../db/schema/webhooks.ts';
import type { DomainEvent } from '../../events/index.ts';
import { eventColumns, settleTargets, writeReceipts } from '../runtime/receipts.ts';
import { deliver } from './deliver.ts';
import { errorText } from './deliveries.ts';
import { createSender } from './send.ts';
import { type AtOnce, current, never, type TestResult } from './send-test.ts';

/** Why a delivery can't be made once more: its event or its endpoint is gone, or it was a test. */
export type NotRedelivered = 'no event' | 'no endpoint';

/**
 * Makes a delivery once more, at once, whatever has become of it: under the same webhook-id, signed
 * anew, logged among its attempts. Where it had been given up and is taken now, its dead letter is
 * answered.
 *
 * @throws where there is no such delivery
 */
export function redeliver(
  deps: AtOnce,
): (deliveryId: string) => Promise<TestResult | NotRedelivered> {
  const send = createSender(deps);
  return async (deliveryId) => {
    const [delivery] = await deps.db.select().from(deliveries).where(eq(deliveries.id, deliveryId));
    if (!delivery) throw new Error(`there is no delivery ${deliveryId}`);
    const endpoint = await current(deps.db, delivery.endpoint_id);
    if (!endpoint) return 'no endpoint';
    const event = delivery.event_id ? await findEvent(deps.db, delivery.event_id) : undefined;
    if (!event) return 'no event';
    const made = await deliver(
      { ...deps, send },
      { id: deliveryId, event, endpoint, circuit: never, isTest: true },
    );
    if (made.verdict.state === 'delivered') await settle(deps.db, event.id, endpoint.id);
    const { status, latencyMs, excerpt } = made.attempt;
    const error = errorText(made.attempt, made.verdict);
    return {
      delivery_id: deliveryId,
      status,
      latency_ms: latencyMs,
      error,
      response_excerpt: excerpt,
    };
  };
}

async function findEvent(db: AtOnce['db'], id: string): Promise<DomainEvent | undefined> {
  const [event] = await db.execute(sql`select ${eventColumns} from events e where e.id = ${id}`);
  return event as unknown as DomainEvent | undefined;
}

/**
 * The event is done once all its endpoints have it. One that is still being tried keeps it open.
 */
async function settle(db: AtOnce['db'], eventId: string, endpointId: string): Promise<void> {
  await settleTargets(db, 'webhooks', eventId, [endpointId]);
  const [open] = await db.execute(sql`
    select 1 from deliveries d where d.event_id = ${eventId} and d.state not in ('delivered', 'missed')
    union all select 1 from dead_letters l where l.event_id = ${eventId} and l.subscriber = 'webhooks' and l.target <> '' limit 1`);
  if (!open) await writeReceipts(db, 'webhooks', [eventId]);
}
