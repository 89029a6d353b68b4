import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { closest } from 'fastest-levenshtein';
import { endpoints } from '../../db/schema/webhooks.ts';
import { eventTypes } from '../../events/index.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text, timestamp, uuid } from '../fields.ts';
import { findEndpoint, isEndpoint } from '../find.ts';
import { once } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toPage } from '../paging.ts';
import { invalid, notFound } from '../problem.ts';
import { body, json, operation, router } from '../router.ts';

const url = text(1, 2048)
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), { message: 'wants an http: or https: URL' })
  .refine((value) => !URL.canParse(value) || new URL(value).username + new URL(value).password === '', {
    message: 'wants a URL without user and password; requests are signed instead',
  })
  .openapi({ type: 'string', format: 'uri', example: 'https://example.com/hooks' });

const eventTypeName = z.string().superRefine((value, context) => {
  if (value === '*' || eventTypes().includes(value)) return;
  const message = `is no event type; did you mean ${closest(value.slice(0, 100), eventTypes())}? Known are ${eventTypes().join(', ')}, and * for all`;
  context.addIssue({ code: 'custom', message });
});

const wanted = z
  .array(eventTypeName)
  .min(1, { message: 'wants at least one event type, or "*" for all' })
  .max(100)
  .transform((types) => [...new Set(types)])
  .openapi({ type: 'array', items: { type: 'string' }, minItems: 1, example: ['message.created'] });

const description = text(0, 1000).nullish().openapi({ type: 'string', example: 'The order system' });
const newEndpoint = z.strictObject({ url, event_types: wanted, description }).openapi('NewEndpoint');
const change = z
  .strictObject({ url: url.optional(), event_types: wanted.optional(), description })
  .refine((given) => Object.keys(given).length > 0, { message: 'wants url, event_types or description' })
  .openapi('EndpointChange');

const endpoint = z
  .object({
    id: uuid,
    url: z.string(),
    event_types: z.array(z.string()),
    description: z.string().nullable(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('Endpoint');

const params = z.object({ id: uuid });
const secret = z.string().openapi({ description: 'Signs as Standard Webhooks say. Shown this once.', example: 'whsec_…' });

const create = operation({
  method: 'post',
  path: '/v1/endpoints',
  tags: ['Webhooks'],
  summary: 'Have events posted to a URL',
  creates: true,
  request: { body: body(newEndpoint) },
  responses: { 201: json(endpoint.extend({ secret }).openapi('EndpointWithSecret'), 'The endpoint; the secret is shown this once.') },
});

const list = operation({
  method: 'get',
  path: '/v1/endpoints',
  tags: ['Webhooks'],
  summary: 'List endpoints, newest first',
  request: { query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(endpoint), 'Endpoints, without their secrets.') },
});

const read = operation({
  method: 'get',
  path: '/v1/endpoints/{id}',
  tags: ['Webhooks'],
  summary: 'Read an endpoint',
  request: { params },
  responses: { 200: json(endpoint, 'The endpoint.') },
});

const edit = operation({
  method: 'patch',
  path: '/v1/endpoints/{id}',
  tags: ['Webhooks'],
  summary: 'Change an endpoint',
  request: { params, body: body(change) },
  responses: { 200: json(endpoint, 'The endpoint as it is now.') },
});

const remove = operation({
  method: 'delete',
  path: '/v1/endpoints/{id}',
  tags: ['Webhooks'],
  summary: 'Delete an endpoint; nothing is posted to it any more',
  request: { params },
  responses: { 204: { description: 'Gone.' } },
});

const shown = ({ workspace_id: _, secret: __, created_at, updated_at, ...row }: typeof endpoints.$inferSelect) => ({
  ...row,
  created_at: created_at.toISOString(),
  updated_at: updated_at.toISOString(),
});

async function checkUrl(deps: ApiDependencies, url: string): Promise<void> {
  const reason = await deps.isAllowedWebhookUrl(url);
  if (reason) throw invalid([{ path: 'url', message: reason }]);
}

/** Webhook endpoints. */
export const endpointRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      await checkUrl(deps, given.url);
      const made = await once(c, deps, given, async (tx) => {
        const secret = `whsec_${randomBytes(32).toString('base64')}`;
        const row = { ...given, workspace_id: c.get('workspaceId'), secret: deps.seal.close(secret) };
        const [stored] = await tx.insert(endpoints).values(row).returning();
        return { ...shown(stored!), secret };
      });
      return c.json(made, 201);
    })
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await deps.database.db
        .select()
        .from(endpoints)
        .where(and(eq(endpoints.workspace_id, c.get('workspaceId')), cursor ? lt(endpoints.id, cursor) : undefined))
        .orderBy(desc(endpoints.id))
        .limit(limit + 1);
      return c.json(
        toPage(rows, limit, shown, (row) => row.id),
        200,
      );
    })
    .openapi(read, async (c) => {
      const row = await findEndpoint(deps.database, { workspaceId: c.get('workspaceId'), id: c.req.valid('param').id });
      return c.json(shown(row), 200);
    })
    .openapi(edit, async (c) => {
      const given = c.req.valid('json');
      const which = { workspaceId: c.get('workspaceId'), id: c.req.valid('param').id };
      if (given.url !== undefined) await checkUrl(deps, given.url);
      const change = deps.database.db.update(endpoints).set({ ...given, updated_at: sql`now()` });
      const [row] = await change.where(isEndpoint(which)).returning();
      if (!row) throw notFound('endpoint');
      return c.json(shown(row), 200);
    })
    .openapi(remove, async (c) => {
      const which = isEndpoint({ workspaceId: c.get('workspaceId'), id: c.req.valid('param').id });
      const removed = await deps.database.db.delete(endpoints).where(which).returning({ id: endpoints.id });
      if (removed.length === 0) throw notFound('endpoint');
      return c.body(null, 204);
    });
