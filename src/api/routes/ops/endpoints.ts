import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { EndpointRow } from '../../../db/change-endpoint.ts';
import type { Database } from '../../../db/client.ts';
import {
  controlEndpoint,
  type EndpointControl,
  tryEndpoint,
} from '../../../ops/controls/endpoint.ts';
import { endpointProgress, listEndpoints, readEndpoint } from '../../../ops/inspect/endpoints.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp, uuid } from '../../fields.ts';
import { inPlace, LISTING } from '../../heavy-reads.ts';
import { onceOutside } from '../../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toPage } from '../../paging.ts';
import { conflict, notFound } from '../../problem.ts';
import { body, declareRoute, type Env, json, router } from '../../router.ts';
import { deliveryQuery, deliverySchema, listDeliveries } from '../deliveries.ts';
import {
  endpointSchema,
  endpointState,
  maxConcurrency,
  maxPerSecond,
  toEndpoint,
} from '../endpoint-schema.ts';
import { reason } from './operations.ts';

const endpoint = endpointSchema
  .extend({
    workspace_id: uuid,
    workspace_name: z.string(),
    failing_cause: z
      .string()
      .nullable()
      .openapi({ description: 'Why the last try failed.', example: 'HTTP 500' }),
  })
  .openapi('OperatedEndpoint');

const answer = {
  status: z.int().nullable().openapi({ description: 'Null where no answer came.' }),
  latency_ms: z.int(),
  error: z
    .string()
    .nullable()
    .openapi({ description: 'Why it counts as not delivered; null where it was.' }),
};

const inFull = endpoint
  .extend({
    waiting: z
      .object({ count: z.int(), oldest_at: timestamp.nullable() })
      .openapi({ description: 'Events that are still to be sent to it.' }),
    given_up: z.int().openapi({ description: 'Events that were given up: its dead letters.' }),
    answers: z
      .array(
        z.object({
          attempted_at: timestamp,
          delivery_id: uuid,
          event_type: z.string(),
          ...answer,
          response_excerpt: z.string().nullable(),
        }),
      )
      .openapi({ description: 'What it answered lately, newest first; ten at most.' }),
  })
  .openapi('OperatedEndpointInFull');

const params = z.object({ id: uuid });

const host = text(1, 255)
  .optional()
  .openapi({ description: 'Of its URL, with or without the port.', example: 'example.com' });
const filters = { workspace_id: uuid.optional(), state: endpointState.optional(), host };

const list = declareRoute('GET /v1/ops/endpoints', 'opsListEndpoints', {
  summary: 'List the webhook endpoints of all workspaces, newest first',
  request: { query: z.strictObject({ ...filters, limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(endpoint), 'Endpoints, without their secrets.') },
});

const read = declareRoute('GET /v1/ops/endpoints/{id}', 'opsGetEndpoint', {
  summary:
    'Read an endpoint of any workspace: how it is, why and since when, what it answered, and ' +
    'what waits for it',
  request: { params },
  responses: { 200: json(inFull, 'The endpoint.') },
});

const now = { 200: json(inFull, 'The endpoint as it is now.') };

const changeIt = declareRoute('PATCH /v1/ops/endpoints/{id}', 'opsUpdateEndpoint', {
  summary: 'Enable or disable an endpoint, or limit how many deliveries a second it gets',
  request: {
    params,
    body: body(
      z
        .strictObject({
          enabled: z
            .boolean({ message: 'must be true or false' })
            .optional()
            .openapi({
              description:
                '`false`: nothing is sent to it any more. Its owner sees why, and cannot enable ' +
                'it. `true`: it is sent to again, as if it had never failed.',
            }),
          max_per_second: maxPerSecond,
          reason: text(1, 500).optional().openapi({
            description: 'For the action log; where it is disabled, its owner reads it.',
          }),
        })
        .refine(
          ({ enabled, max_per_second }) => enabled !== undefined || max_per_second !== undefined,
          { message: 'must have enabled or max_per_second' },
        )
        .openapi('OperatedEndpointChange', {
          anyOf: [{ required: ['enabled'] }, { required: ['max_per_second'] }],
          description: 'What is not there stays as it is.',
        }),
    ),
  },
  responses: now,
});

const limitIt = declareRoute('PUT /v1/ops/endpoints/{id}/limit', 'limitEndpoint', {
  summary: 'Limit how many deliveries a second it gets, and how many at once',
  request: {
    params,
    body: body(
      z
        .strictObject({ per_second: maxPerSecond, concurrency: maxConcurrency, reason })
        .refine(
          ({ per_second, concurrency }) => per_second !== undefined || concurrency !== undefined,
          {
            path: ['per_second'],
            message: 'must be there, or concurrency',
          },
        )
        .openapi('EndpointLimit', {
          anyOf: [{ required: ['per_second'] }, { required: ['concurrency'] }],
          description: 'The same limits as its owner sets; what is not there stays as it is.',
        }),
    ),
  },
  responses: now,
});

const disableIt = declareRoute('POST /v1/ops/endpoints/{id}/disable', 'disableEndpoint', {
  summary: 'Send nothing to it any more; its owner sees why, and cannot enable it',
  request: {
    params,
    body: body(z.strictObject({ reason: text(1, 500) }).openapi('EndpointDisabling')),
  },
  responses: now,
});

const enableIt = declareRoute('POST /v1/ops/endpoints/{id}/enable', 'enableEndpoint', {
  summary: 'Send to it again, as if it had never failed; what it missed stays so',
  request: { params },
  responses: now,
});

const tried = z
  .object({
    tried: z.int(),
    delivered: z.int(),
    answer: z
      .object(answer)
      .nullable()
      .openapi({ description: 'Its last answer; null where nothing waited.' }),
    endpoint: inFull,
  })
  .openapi('TriedEndpoint');

const tryIt = declareRoute('POST /v1/ops/endpoints/{id}/try', 'tryEndpoint', {
  summary:
    'End its rest at once, and send it what waits, the oldest first, as long as it takes it: 5 s ' +
    'and 100 deliveries at most',
  creates: true,
  request: { params },
  responses: {
    200: json(tried, 'What came of it. Where nothing waited, the next event is sent at once.'),
  },
});

const sent = declareRoute('GET /v1/ops/endpoints/{id}/deliveries', 'opsListDeliveries', {
  summary: 'List what was sent to an endpoint, with each try, newest first',
  request: { params, query: deliveryQuery },
  responses: { 200: json(pageOf(deliverySchema), 'Deliveries.') },
});

const operated = ({ endpoint, workspace }: { endpoint: EndpointRow; workspace: string }) => ({
  ...toEndpoint(endpoint),
  workspace_id: endpoint.workspace_id,
  workspace_name: workspace,
  failing_cause: endpoint.failing_cause,
});

/** Webhook endpoints of all workspaces, and what operators do to one of them. */
export function opsEndpointRoutes(deps: ApiDependencies) {
  const { database, heavy } = deps;
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      const rows = await inPlace(c, heavy, LISTING, (own) =>
        listEndpoints(own, { filter, limit: limit + 1, before: cursor }),
      );
      const page = toPage(rows, limit, operated, (row) => row.endpoint.id);
      return c.json(page, 200);
    })
    .openapi(read, async (c) => c.json(await show(c, deps, c.req.valid('param').id), 200))
    .openapi(sent, async (c) => {
      const { endpoint } = await find(database, c.req.valid('param').id);
      return c.json(await listDeliveries(database, endpoint.id, c.req.valid('query')), 200);
    })
    .openapi(changeIt, async (c) => {
      const { reason, ...change } = c.req.valid('json');
      return c.json(await control(c, deps, c.req.valid('param').id, change, reason), 200);
    })
    .openapi(limitIt, async (c) => {
      const { per_second, concurrency, reason } = c.req.valid('json');
      const change = { max_per_second: per_second, max_concurrency: concurrency };
      return c.json(await control(c, deps, c.req.valid('param').id, change, reason), 200);
    })
    .openapi(disableIt, async (c) => {
      const { reason } = c.req.valid('json');
      const change = { enabled: false };
      return c.json(await control(c, deps, c.req.valid('param').id, change, reason), 200);
    })
    .openapi(enableIt, async (c) => {
      const change = { enabled: true };
      return c.json(await control(c, deps, c.req.valid('param').id, change), 200);
    })
    .openapi(tryIt, async (c) => {
      const { id } = c.req.valid('param');
      const answer = await onceOutside(c, deps, null, async () => {
        await find(database, id);
        const result = await tryNow(deps, { id, by: c.get('operator').name });
        return { ...result, endpoint: await show(c, deps, id) };
      });
      return c.json(answer, 200);
    });
}

/** @throws Problem 404 */
async function find(database: Database, id: string) {
  const found = await readEndpoint(database, id);
  if (!found) throw notFound('endpoint');
  return found;
}

/** @throws Problem 404 */
async function show(c: Context<Env>, { database, heavy }: ApiDependencies, id: string) {
  const found = await find(database, id);
  const progress = await inPlace(c, heavy, LISTING, (own) => endpointProgress(own, id));
  return { ...operated(found), ...progress };
}

/** @throws Problem 404 */
async function control(
  c: Context<Env>,
  deps: ApiDependencies,
  id: string,
  change: EndpointControl['change'],
  reason?: string,
) {
  const by = c.get('operator').name;
  if (!(await controlEndpoint(deps.database, { id, by, change, reason })))
    throw notFound('endpoint');
  return await show(c, deps, id);
}

/** @throws Problem 409 if it is disabled */
async function tryNow({ database, redeliver }: ApiDependencies, given: { id: string; by: string }) {
  const result = await tryEndpoint(database, redeliver, given);
  if (result) return result;
  throw conflict('The endpoint is disabled, so nothing is sent to it: enable it first.');
}
