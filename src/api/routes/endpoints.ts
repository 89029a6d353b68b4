import { z } from '@hono/zod-openapi';
import { and, desc, eq } from 'drizzle-orm';
import { changeEndpoint, type EndpointChange, type EndpointRow } from '../../db/change-endpoint.ts';
import type { Transaction } from '../../db/client.ts';
import { endpoints } from '../../db/schema/webhooks.ts';
import { isBefore } from '../../db/statements.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { uuid } from '../fields.ts';
import { findEndpoint, isEndpoint, type Which, whichOf } from '../find.ts';
import { once } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../paging.ts';
import { conflict, invalid, notFound } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';
import {
  checkEventTypes,
  endpointChange,
  endpointSchema,
  newEndpoint,
  toEndpoint,
} from './endpoint-schema.ts';
import { newSecret } from './rotate-secret.ts';

const params = z.object({ id: uuid });
const secret = z
  .string()
  .openapi({ description: 'Signs as Standard Webhooks say. Shown this once.', example: 'whsec_…' });

const create = declareRoute('POST /v1/endpoints', 'createEndpoint', {
  tags: ['Webhooks'],
  summary: 'Have events posted to a URL',
  creates: true,
  request: { body: body(newEndpoint) },
  responses: {
    201: json(
      endpointSchema.extend({ secret }).openapi('EndpointWithSecret'),
      'The endpoint; the secret is shown this once.',
    ),
  },
});

const list = declareRoute('GET /v1/endpoints', 'listEndpoints', {
  tags: ['Webhooks'],
  summary: 'List endpoints, newest first',
  request: { query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(endpointSchema), 'Endpoints, without their secrets.') },
});

const read = declareRoute('GET /v1/endpoints/{id}', 'getEndpoint', {
  tags: ['Webhooks'],
  summary: 'Read an endpoint',
  request: { params },
  responses: { 200: json(endpointSchema, 'The endpoint.') },
});

const edit = declareRoute('PATCH /v1/endpoints/{id}', 'changeEndpoint', {
  tags: ['Webhooks'],
  summary: 'Change an endpoint, disable or enable it',
  request: { params, body: body(endpointChange) },
  refuses: [409],
  responses: { 200: json(endpointSchema, 'The endpoint as it is now.') },
});

const remove = declareRoute('DELETE /v1/endpoints/{id}', 'deleteEndpoint', {
  tags: ['Webhooks'],
  summary: 'Delete an endpoint; nothing is posted to it any more',
  request: { params },
  responses: { 204: { description: 'Gone.' } },
});

/** What an operator has disabled its owner can't enable. @throws Problem 409 */
async function applyChange(
  tx: Transaction,
  which: Which,
  change: EndpointChange,
): Promise<EndpointRow> {
  const [found] = await tx
    .select({ by: endpoints.disabled_by, why: endpoints.disabled_reason })
    .from(endpoints)
    .where(isEndpoint(which))
    .for('update');
  if (change.enabled && found?.by === 'operator')
    throw conflict(`An operator has disabled this endpoint (${found.why}): ask them to enable it.`);
  const row = await changeEndpoint(tx, isEndpoint(which), change, {
    by: 'owner',
    reason: 'Its owner disabled it.',
  });
  if (!row) throw notFound('endpoint');
  return row;
}

async function checkUrl(deps: ApiDependencies, url: string): Promise<void> {
  const reason = await deps.isAllowedWebhookUrl(url);
  if (reason) throw invalid([{ path: 'url', message: reason }]);
}

/** Webhook endpoints. */
export const endpointRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      const make = async (tx: Transaction) => {
        const secret = newSecret();
        const row = {
          ...given,
          workspace_id: c.get('workspaceId'),
          secret: deps.seal.close(secret),
        };
        const [stored] = await tx.insert(endpoints).values(row).returning();
        return { ...toEndpoint(stored!), secret };
      };
      const check = async () => {
        await checkUrl(deps, given.url);
        await checkEventTypes(deps, given.event_types);
      };
      return c.json(await once(c, deps, given, make, check), 201);
    })
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await deps.database.db
        .select()
        .from(endpoints)
        .where(
          and(eq(endpoints.workspace_id, c.get('workspaceId')), isBefore(endpoints.id, cursor)),
        )
        .orderBy(desc(endpoints.id))
        .limit(limit + 1);
      return c.json(toIdPage(rows, limit, toEndpoint), 200);
    })
    .openapi(read, async (c) => {
      const row = await findEndpoint(deps.database, whichOf(c));
      return c.json(toEndpoint(row), 200);
    })
    .openapi(edit, async (c) => {
      const given = c.req.valid('json');
      const which = whichOf(c);
      if (given.url !== undefined) await checkUrl(deps, given.url);
      if (given.event_types) await checkEventTypes(deps, given.event_types);
      const row = await deps.database.db.transaction((tx) => applyChange(tx, which, given));
      return c.json(toEndpoint(row), 200);
    })
    .openapi(remove, async (c) => {
      const which = isEndpoint(whichOf(c));
      const removed = await deps.database.db
        .delete(endpoints)
        .where(which)
        .returning({ id: endpoints.id });
      if (removed.length === 0) throw notFound('endpoint');
      return c.body(null, 204);
    });
