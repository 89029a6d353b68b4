import { z } from '@hono/zod-openapi';
import { and, asc, desc, eq, lt, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { deliveryAttempts as attempts, deliveries } from '../../db/schema/webhooks.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { timestamp, uuid } from '../fields.ts';
import { findEndpoint } from '../find.ts';
import { onceOutside } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toPage } from '../paging.ts';
import { json, operation, router } from '../router.ts';

const state = z.enum(['pending', 'delivered', 'failed', 'missed'], { message: 'must be pending, delivered, failed or missed' });

const outcome = {
  status: z.int().nullable().openapi({ description: "The answer's HTTP status; null where none came." }),
  latency_ms: z.int(),
  error: z.string().nullable(),
  response_excerpt: z.string().nullable(),
};

/** A delivery, as it is shown. */
export const deliverySchema = z
  .object({
    id: uuid,
    event_id: uuid.nullable().openapi({ description: 'Null for an `endpoint.test`.' }),
    event_type: z.string(),
    state,
    created_at: timestamp,
    delivered_at: timestamp.nullable(),
    attempts: z.array(z.object({ attempted_at: timestamp, ...outcome })).openapi({ description: 'Oldest first.' }),
  })
  .openapi('Delivery');

export const deliveryQuery = z.strictObject({ state: state.optional(), limit, cursor: idCursor });

const list = operation({
  method: 'get',
  path: '/v1/endpoints/{id}/deliveries',
  operationId: 'listDeliveries',
  tags: ['Webhooks'],
  summary: 'List deliveries with their attempts, newest first',
  request: { params: z.object({ id: uuid }), query: deliveryQuery },
  responses: { 200: json(pageOf(deliverySchema), 'Deliveries.') },
});

/** What came of sending something at once. */
export const testDelivery = z.object({ delivery_id: uuid, ...outcome }).openapi('TestDelivery');

const test = operation({
  method: 'post',
  path: '/v1/endpoints/{id}/test',
  operationId: 'testEndpoint',
  tags: ['Webhooks'],
  summary: 'Send a signed `endpoint.test` now',
  creates: true,
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(testDelivery, 'What the endpoint answered.') },
});

type Attempt = typeof attempts.$inferSelect;

const shownAttempt = ({ id: _, delivery_id: __, attempted_at, ...attempt }: Attempt) => ({
  attempted_at: attempted_at.toISOString(),
  ...attempt,
});

const shown = ({ workspace_id: _, endpoint_id: __, ...row }: typeof deliveries.$inferSelect, tries: Attempt[]) => ({
  ...row,
  created_at: row.created_at.toISOString(),
  delivered_at: row.delivered_at?.toISOString() ?? null,
  attempts: tries.map(shownAttempt),
});

async function attemptsOf({ db }: Database, ids: string[]): Promise<Map<string, Attempt[]>> {
  const found = new Map<string, Attempt[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return found;
  // Each delivery's by the index, and these by their ids, whatever the planner thinks of their number.
  const those = sql`array(
    select a.id from unnest(${sql.param(ids)}::uuid[]) as t (id) cross join lateral (
      select id from delivery_attempts where delivery_id = t.id offset 0
    ) a)`;
  const rows = await db.select().from(attempts).where(sql`${attempts.id} = any(${those})`).orderBy(asc(attempts.id));
  for (const row of rows) found.get(row.delivery_id)?.push(row);
  return found;
}

/** A page of what was sent to an endpoint, newest first. */
export async function listDeliveries(database: Database, endpointId: string, { state, limit, cursor }: z.output<typeof deliveryQuery>) {
  const which = [
    eq(deliveries.endpoint_id, endpointId),
    state && eq(deliveries.state, state),
    cursor ? lt(deliveries.id, cursor) : undefined,
  ];
  const rows = await database.db
    .select()
    .from(deliveries)
    .where(and(...which))
    .orderBy(desc(deliveries.id))
    .limit(limit + 1);
  const ids = rows.map((row) => row.id);
  const tries = await attemptsOf(database, ids);
  const show = (row: (typeof rows)[number]) => shown(row, tries.get(row.id) ?? []);
  return toPage(rows, limit, show, (row) => row.id);
}

/** What was sent to an endpoint, and sending it a test. */
export const deliveryRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { id } = await findEndpoint(deps.database, { workspaceId: c.get('workspaceId'), id: c.req.valid('param').id });
      return c.json(await listDeliveries(deps.database, id, c.req.valid('query')), 200);
    })
    .openapi(test, async (c) => {
      const { id } = await findEndpoint(deps.database, { workspaceId: c.get('workspaceId'), id: c.req.valid('param').id });
      return c.json(await onceOutside(c, deps, null, () => deps.sendTest(id)), 200);
    });
