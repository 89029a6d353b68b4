import { z } from '@hono/zod-openapi';
import { and, desc, eq, getTableColumns } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { deliveries } from '../../db/schema/webhooks.ts';
import { isBefore } from '../../db/statements.ts';
import {
  attemptsOf,
  type DeliveryAttempt,
  deliveryState,
  isInState,
} from '../../ops/inspect/deliveries.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { timestamp, uuid } from '../fields.ts';
import { findEndpoint, whichOf } from '../find.ts';
import { onceOutside } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../paging.ts';
import { declareRoute, json, router } from '../router.ts';

const state = z.enum(['pending', 'delivered', 'failed', 'missed'], {
  message: 'must be pending, delivered, failed or missed',
});

const stateDescription =
  '`pending`: still to be made; `failed`: refused for good, or given up after the last try; ' +
  '`missed`: its endpoint was disabled.';

const outcome = {
  status: z
    .int()
    .nullable()
    .openapi({ description: "The answer's HTTP status; null where none came." }),
  latency_ms: z.int(),
  error: z.string().nullable(),
  response_excerpt: z.string().nullable(),
};

/** One try, as it is shown. */
export const deliveryTry = z.object({ attempted_at: timestamp, ...outcome });

/** A delivery, as it is shown. */
export const deliverySchema = z
  .object({
    id: uuid,
    event_id: uuid.nullable().openapi({ description: 'Null for an `endpoint.test`.' }),
    event_type: z.string(),
    state: state.openapi({ description: stateDescription }),
    created_at: timestamp,
    delivered_at: timestamp.nullable(),
    attempts: z.array(deliveryTry).openapi({ description: 'Oldest first.' }),
  })
  .openapi('Delivery');

export const deliveryQuery = z.strictObject({ state: state.optional(), limit, cursor: idCursor });

const list = declareRoute('GET /v1/endpoints/{id}/deliveries', 'listDeliveries', {
  tags: ['Webhooks'],
  summary: 'List deliveries with their attempts, newest first',
  request: { params: z.object({ id: uuid }), query: deliveryQuery },
  responses: { 200: json(pageOf(deliverySchema), 'Deliveries.') },
});

/** What came of sending something at once. */
export const testDelivery = z.object({ delivery_id: uuid, ...outcome }).openapi('TestDelivery');

const test = declareRoute('POST /v1/endpoints/{id}/test', 'testEndpoint', {
  takesTurns: false,
  tags: ['Webhooks'],
  summary: 'Send a signed `endpoint.test` now',
  creates: true,
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(testDelivery, 'What the endpoint answered.') },
});

const toDelivery = (
  { workspace_id: _, endpoint_id: __, due_at: ___, ...row }: typeof deliveries.$inferSelect,
  attempts: DeliveryAttempt[],
) => ({
  ...row,
  created_at: row.created_at.toISOString(),
  delivered_at: row.delivered_at?.toISOString() ?? null,
  attempts,
});

/** A page of what was sent to an endpoint, newest first. */
export async function listDeliveries(
  database: Database,
  endpointId: string,
  { state, limit, cursor }: z.output<typeof deliveryQuery>,
) {
  const own = eq(deliveries.endpoint_id, endpointId);
  const rows = await database.db
    .select({ ...getTableColumns(deliveries), state: deliveryState })
    .from(deliveries)
    .where(and(own, state && isInState(state), isBefore(deliveries.id, cursor)))
    .orderBy(desc(deliveries.id))
    .limit(limit + 1);
  const ids = rows.map((row) => row.id);
  const tries = await attemptsOf(database, ids);
  const show = (row: (typeof rows)[number]) => toDelivery(row, tries.get(row.id) ?? []);
  return toIdPage(rows, limit, show);
}

/** What was sent to an endpoint, and sending it a test. */
export const deliveryRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { id } = await findEndpoint(deps.database, whichOf(c));
      return c.json(await listDeliveries(deps.database, id, c.req.valid('query')), 200);
    })
    .openapi(test, async (c) => {
      const sent = await onceOutside(c, deps, null, async () => {
        const { id } = await findEndpoint(deps.database, whichOf(c));
        return await deps.sendTest(id);
      });
      return c.json(sent, 200);
    });
