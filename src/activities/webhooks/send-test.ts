import { eq, getTableColumns, sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Database } from '../../db/client.ts';
import { endpoints } from '../../db/schema/webhooks.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { CircuitOptions } from './circuit.ts';
import { deliver } from './deliver.ts';
import { errorText, openTest } from './deliveries.ts';
import { createSender, type SenderOptions } from './send.ts';

/** What it takes to send at once, outside of any dispatch. */
export interface AtOnce extends SenderOptions {
  db: Database['db'];
  seal: Seal;
}

/** How a test event fared. */
export interface TestResult {
  delivery_id: string;
  /** HTTP status; null where no answer came. */
  status: number | null;
  latency_ms: number;
  /** Null where it was delivered. */
  error: string | null;
  /** At most 1 KiB of the answer's body. */
  response_excerpt: string | null;
}

/**
 * Sends a signed `endpoint.test` to an endpoint, once and at once, and logs it among its
 * deliveries.
 *
 * @throws where there is no such endpoint
 */
export function sendTest(deps: AtOnce): (endpointId: string) => Promise<TestResult> {
  const send = createSender(deps);
  return async (endpointId) => {
    const endpoint = await current(deps.db, endpointId);
    if (!endpoint) throw new Error(`there is no endpoint ${endpointId}`);
    const delivery_id = await openTest(deps.db, endpoint);
    const event = testEvent(endpoint.workspace_id);
    const { attempt, verdict } = await deliver(
      { ...deps, send },
      { id: delivery_id, event, endpoint, circuit: never, isTest: true },
    );
    const { status, latencyMs, excerpt } = attempt;
    return {
      delivery_id,
      status,
      latency_ms: latencyMs,
      error: errorText(attempt, verdict),
      response_excerpt: excerpt,
    };
  };
}

/**
 * An endpoint, whose previous secret is there only while it signs too: the database's clock says
 * so, as it said until when.
 */
export async function current(
  db: AtOnce['db'],
  endpointId: string,
): Promise<typeof endpoints.$inferSelect | undefined> {
  const previous_secret = sql<
    string | null
  >`case when ${endpoints.previous_until} > now() then ${endpoints.previous_secret} end`;
  const columns = { ...getTableColumns(endpoints), previous_secret };
  const [row] = await db.select(columns).from(endpoints).where(eq(endpoints.id, endpointId));
  return row;
}

export const never: CircuitOptions = { failures: 0, firstMs: 0, longestMs: 0 };

const testEvent = (workspace_id: string): DomainEvent => ({
  id: uuidv7(),
  type: 'endpoint.test',
  version: 1,
  workspace_id,
  channel_id: null,
  message_id: null,
  seq: null,
  timestamp: new Date().toISOString(),
  payload: {},
});
