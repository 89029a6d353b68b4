import { eq, getTableColumns, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Database } from '../../../db/client.ts';
import { deliveries, endpoints } from '../../../db/schema/webhooks.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { Seal } from '../../../seal.ts';
import { NO_CIRCUIT } from '../../runtime/http/circuit.ts';
import { createSender, type Send, type SenderOptions } from '../../runtime/http/send.ts';
import { completeTargets, eventColumns, writeReceipts } from '../../runtime/receipts.ts';
import { deliver } from './deliver.ts';
import { openTest } from './deliveries.ts';
import { errorText } from './record-attempt.ts';

type Db = Database['db'];
type Endpoint = typeof endpoints.$inferSelect;

/** What it takes to send outside a dispatch. */
interface SendNowDependencies extends SenderOptions {
  db: Db;
  seal: Seal;
}

/** What came of a single attempt. */
export interface TestResult {
  delivery_id: string;
  /** HTTP status; null if no answer came. */
  status: number | null;
  latency_ms: number;
  /** Null if it was delivered. */
  error: string | null;
  /** At most 1 KiB of the answer's body. */
  response_excerpt: string | null;
}

/** Why a delivery can't be repeated: its event or endpoint is gone, or it was a test. */
export type NotRedelivered = 'no event' | 'no endpoint';

/**
 * Sends a signed `endpoint.test` to an endpoint, once and at once, and logs it as a delivery.
 *
 * @throws Error if there is no such endpoint
 */
export function sendTest(deps: SendNowDependencies): (endpointId: string) => Promise<TestResult> {
  const send = createSender(deps);
  return async (endpointId) => {
    const endpoint = await findEndpoint(deps.db, endpointId);
    if (!endpoint) throw new Error(`there is no endpoint ${endpointId}`);
    const deliveryId = await openTest(deps.db, endpoint);
    return await sendNow(deps, send, deliveryId, testEvent(endpoint.workspace_id), endpoint);
  };
}

/**
 * Repeats a delivery at once, whatever its state: under the same webhook-id, signed anew, logged
 * among its attempts. If it had been given up and now succeeds, its dead letter is resolved.
 *
 * @throws Error if there is no such delivery
 */
export function redeliver(
  deps: SendNowDependencies,
): (deliveryId: string) => Promise<TestResult | NotRedelivered> {
  const send = createSender(deps);
  return async (deliveryId) => {
    const [delivery] = await deps.db.select().from(deliveries).where(eq(deliveries.id, deliveryId));
    if (!delivery) throw new Error(`there is no delivery ${deliveryId}`);
    const endpoint = await findEndpoint(deps.db, delivery.endpoint_id);
    if (!endpoint) return 'no endpoint';
    const event = delivery.event_id ? await findEvent(deps.db, delivery.event_id) : undefined;
    if (!event) return 'no event';
    const result = await sendNow(deps, send, deliveryId, event, endpoint);
    if (result.error === null) await completeDelivery(deps.db, event.id, endpoint.id);
    return result;
  };
}

async function sendNow(
  deps: SendNowDependencies,
  send: Send,
  deliveryId: string,
  event: DomainEvent,
  endpoint: Endpoint,
): Promise<TestResult> {
  const { attempt, responseClass } = await deliver(
    { ...deps, send },
    { id: deliveryId, event, endpoint, circuit: NO_CIRCUIT, isTest: true },
  );
  return {
    delivery_id: deliveryId,
    status: attempt.status,
    latency_ms: attempt.latencyMs,
    error: errorText(attempt, responseClass),
    response_excerpt: attempt.excerpt,
  };
}

/** The previous secret is set only while it still signs, by the database's clock. */
async function findEndpoint(db: Db, endpointId: string): Promise<Endpoint | undefined> {
  const { previous_until, previous_secret } = endpoints;
  const stillSigns = sql<string | null>`case when ${previous_until} > now()
    then ${previous_secret} end`;
  const columns = { ...getTableColumns(endpoints), previous_secret: stillSigns };
  const [row] = await db.select(columns).from(endpoints).where(eq(endpoints.id, endpointId));
  return row;
}

async function findEvent(db: Db, id: string): Promise<DomainEvent | undefined> {
  const [event] = await db.execute(
    sql`select ${eventColumns} from knockon.events e where e.id = ${id}`,
  );
  return event as unknown as DomainEvent | undefined;
}

/** Writes the event's receipt if no other delivery of it is open. */
async function completeDelivery(db: Db, eventId: string, endpointId: string): Promise<void> {
  await completeTargets(db, 'webhooks', eventId, [endpointId]);
  const [open] = await db.execute(sql`
    select 1 from knockon.deliveries d
    where d.event_id = ${eventId} and d.state not in ('delivered', 'missed')
    union all
    select 1 from knockon.dead_letters l
    where l.event_id = ${eventId} and l.subscriber = 'webhooks' and l.target <> '' limit 1`);
  if (!open) await writeReceipts(db, 'webhooks', [eventId]);
}

const testEvent = (workspace_id: string): DomainEvent => ({
  id: uuidv7(),
  type: 'endpoint.test',
  version: 1,
  workspace_id,
  channel_id: null,
  message_id: null,
  key: null,
  seq: null,
  timestamp: new Date().toISOString(),
  payload: {},
});
