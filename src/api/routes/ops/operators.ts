import { z } from '@hono/zod-openapi';
import { addOperator, listOperators, removeOperator } from '../../../ops/access/operators.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { keyPrefix, name, timestamp, uuid } from '../../fields.ts';
import { newKey } from '../../keys.ts';
import { once } from '../../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { conflict, notFound } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';

const role = z.enum(['viewer', 'operator'], {
  message: 'must be "viewer" (may read) or "operator" (may act)',
});

const newOperator = z
  .strictObject({ name: name.openapi({ example: 'ada' }), role })
  .openapi('NewOperator');

const operator = z
  .object({
    id: uuid,
    name: z.string(),
    role,
    prefix: keyPrefix,
    created_at: timestamp,
  })
  .openapi('Operator');

const create = declareRoute('POST /v1/ops/operators', 'createOperator', {
  summary: 'Make an operator with a key of its own',
  creates: true,
  request: { body: body(newOperator) },
  responses: {
    201: json(
      operator.extend({ api_key: z.string() }).openapi('OperatorWithKey'),
      'The operator; its key is shown this once.',
    ),
  },
});

const list = declareRoute('GET /v1/ops/operators', 'listOperators', {
  summary: 'List operators, newest first',
  request: { query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(operator), 'Operators, without their keys.') },
});

const remove = declareRoute('DELETE /v1/ops/operators/{id}', 'deleteOperator', {
  summary: 'Delete an operator; the key stops working at once',
  request: { params: z.object({ id: uuid }) },
  responses: { 204: { description: 'Gone.' } },
});

/** Operators with keys of their own, beside KNOCKON_ADMIN_KEY. */
export const operatorRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      const made = await once(c, deps, given, async (tx) => {
        const { key, hash, prefix } = newKey();
        const added = await addOperator(tx, { ...given, hash, prefix }, c.get('operator').name);
        if (!added)
          throw conflict(`There is an operator named ${JSON.stringify(given.name)} already.`);
        return { ...added, api_key: key };
      });
      return c.json(made, 201);
    })
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await listOperators(deps.database, { limit: limit + 1, before: cursor });
      return c.json(toIdPage(rows, limit), 200);
    })
    .openapi(remove, async (c) => {
      if (!(await removeOperator(deps.database, c.req.valid('param').id, c.get('operator').name)))
        throw notFound('operator');
      return c.body(null, 204);
    });
