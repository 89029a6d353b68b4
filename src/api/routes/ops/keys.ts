import { z } from '@hono/zod-openapi';
import { createKey, listKeys, revokeKeys } from '../../../ops/access/keys.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { keyPrefix, name, timestamp, uuid } from '../../fields.ts';
import { type Keyring, newKey } from '../../keys.ts';
import { once } from '../../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { notFound } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { reason } from './operations.ts';

const key = z
  .object({
    id: uuid,
    workspace_id: uuid,
    workspace_name: z.string(),
    name: z.string(),
    prefix: keyPrefix,
    created_at: timestamp,
  })
  .openapi('OperatedKey');

const list = declareRoute('GET /v1/ops/keys', 'opsListApiKeys', {
  summary: 'List the keys of all workspaces, newest first',
  request: { query: z.strictObject({ workspace_id: uuid.optional(), limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(key), 'Keys, without their secrets.') },
});

const create = declareRoute('POST /v1/ops/keys', 'opsCreateApiKey', {
  summary: 'Make a key for a workspace',
  refuses: [404],
  creates: true,
  request: {
    body: body(
      z
        .strictObject({ workspace_id: uuid, name: name.default('unnamed') })
        .openapi('NewOperatedKey'),
    ),
  },
  responses: {
    201: json(
      key.extend({ api_key: z.string() }).openapi('OperatedKeyWithSecret'),
      'The key; the secret is shown this once.',
    ),
  },
});

const which = z
  .strictObject({
    ids: z.array(uuid).min(1).max(1000).optional(),
    workspace_id: uuid.optional(),
    reason,
  })
  .refine((given) => (given.ids === undefined) !== (given.workspace_id === undefined), {
    path: ['ids'],
    message: 'must be there, or workspace_id for all keys of a workspace; not both',
  })
  .openapi('KeysToRevoke', { oneOf: [{ required: ['ids'] }, { required: ['workspace_id'] }] });

const revoke = declareRoute('POST /v1/ops/keys/revoke', 'revokeApiKeys', {
  summary: 'Take keys away for good; they stop working at once',
  request: { body: body(which) },
  responses: {
    200: json(
      z.object({ revoked: z.array(key) }).openapi('RevokedKeys'),
      'Those that are gone now. What was not there is left out.',
    ),
  },
});

/**
 * The keys of all workspaces. What is revoked works no more in this process at once, and in others
 * within three seconds.
 */
export const opsKeyRoutes = (deps: ApiDependencies, keyring: Keyring) =>
  router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      const rows = await listKeys(deps.database, { filter, limit: limit + 1, before: cursor });
      return c.json(toIdPage(rows, limit), 200);
    })
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      const made = await once(c, deps, given, async (tx) => {
        const { key: secret, ...kept } = newKey();
        const created = await createKey(tx, { ...given, ...kept }, c.get('operator').name);
        if (!created) throw notFound('workspace');
        return { ...created, api_key: secret };
      });
      return c.json(made, 201);
    })
    .openapi(revoke, async (c) => {
      const { ids, workspace_id, reason } = c.req.valid('json');
      const keys = ids ? { ids } : { workspace_id: workspace_id! };
      const { revoked, hashes } = await revokeKeys(deps.database, keys, {
        by: c.get('operator').name,
        reason,
      });
      for (const hash of hashes) keyring.forget(hash);
      return c.json({ revoked }, 200);
    });
