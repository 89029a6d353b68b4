import { z } from '@hono/zod-openapi';
import { listEndpoints, readEndpoint } from '../../../ops/endpoints.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { uuid } from '../../fields.ts';
import { idCursor, limit, pageOf, toPage } from '../../paging.ts';
import { notFound } from '../../problem.ts';
import { forOperators, json, operation, router } from '../../router.ts';
import { deliveryQuery, deliverySchema, listDeliveries } from '../deliveries.ts';
import { type EndpointRow, endpointSchema, endpointState, shown } from '../endpoint-schema.ts';

const endpoint = endpointSchema
  .extend({
    workspace_id: uuid,
    workspace_name: z.string(),
    failing_cause: z.string().nullable().openapi({ description: 'Why the last try failed.', example: 'HTTP 500' }),
  })
  .openapi('OperatedEndpoint');

const params = z.object({ id: uuid });

const list = operation({
  method: 'get',
  path: '/v1/ops/endpoints',
  operationId: 'opsListEndpoints',
  ...forOperators,
  summary: 'List the webhook endpoints of all workspaces, newest first',
  request: { query: z.strictObject({ workspace_id: uuid.optional(), state: endpointState.optional(), limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(endpoint), 'Endpoints, without their secrets.') },
});

const read = operation({
  method: 'get',
  path: '/v1/ops/endpoints/{id}',
  operationId: 'opsGetEndpoint',
  ...forOperators,
  summary: 'Read an endpoint of any workspace',
  request: { params },
  responses: { 200: json(endpoint, 'The endpoint.') },
});

const sent = operation({
  method: 'get',
  path: '/v1/ops/endpoints/{id}/deliveries',
  operationId: 'opsListDeliveries',
  ...forOperators,
  summary: 'List what was sent to an endpoint, with each try, newest first',
  request: { params, query: deliveryQuery },
  responses: { 200: json(pageOf(deliverySchema), 'Deliveries.') },
});

const operated = ({ endpoint, workspace }: { endpoint: EndpointRow; workspace: string }) => ({
  ...shown(endpoint),
  workspace_id: endpoint.workspace_id,
  workspace_name: workspace,
  failing_cause: endpoint.failing_cause,
});

/** Webhook endpoints of all workspaces, to be looked at. */
export function opsEndpointRoutes({ database }: ApiDependencies) {
  const find = async (id: string) => {
    const found = await readEndpoint(database, id);
    if (!found) throw notFound('endpoint');
    return found;
  };
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      const rows = await listEndpoints(database, { filter, limit: limit + 1, before: cursor });
      return c.json(
        toPage(rows, limit, operated, (row) => row.endpoint.id),
        200,
      );
    })
    .openapi(read, async (c) => c.json(operated(await find(c.req.valid('param').id)), 200))
    .openapi(sent, async (c) => {
      const { endpoint } = await find(c.req.valid('param').id);
      return c.json(await listDeliveries(database, endpoint.id, c.req.valid('query')), 200);
    });
}
