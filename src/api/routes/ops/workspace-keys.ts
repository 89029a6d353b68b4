import { z } from '@hono/zod-openapi';
import { createKey, type KeyEntry, listKeys, revokeKeys } from '../../../ops/access/keys.ts';
import { isWorkspace } from '../../../ops/access/workspaces.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { uuid } from '../../fields.ts';
import { type Keyring, newKey } from '../../keys.ts';
import { once } from '../../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { notFound } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { apiKey, apiKeyWithSecret, newApiKey } from '../api-keys.ts';

const params = z.object({ id: uuid });

const list = declareRoute('GET /v1/ops/workspaces/{id}/api_keys', 'opsListWorkspaceApiKeys', {
  summary: 'List the keys of a workspace, newest first',
  request: { params, query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(apiKey), 'Keys, without their secrets.') },
});

const create = declareRoute('POST /v1/ops/workspaces/{id}/api_keys', 'opsCreateWorkspaceApiKey', {
  summary: 'Make another key for a workspace',
  creates: true,
  request: { params, body: body(newApiKey) },
  responses: { 201: json(apiKeyWithSecret, 'The key; the secret is shown this once.') },
});

const remove = declareRoute(
  'DELETE /v1/ops/workspaces/{id}/api_keys/{key_id}',
  'opsDeleteWorkspaceApiKey',
  {
    summary: 'Delete a key of a workspace, its last one too; it stops working at once',
    request: { params: params.extend({ key_id: uuid }) },
    responses: { 204: { description: 'Gone.' } },
  },
);

/** As the workspace sees it. */
const toApiKey = ({ id, name, prefix, created_at }: KeyEntry) => ({ id, name, prefix, created_at });

/** The keys of one workspace, as `/v1/api_keys` has them for the workspace itself. */
export function workspaceKeyRoutes(deps: ApiDependencies, keyring: Keyring) {
  const { database } = deps;
  const assertWorkspace = async (id: string) => {
    if (!(await isWorkspace(database, id))) throw notFound('workspace');
  };
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const workspace_id = c.req.valid('param').id;
      await assertWorkspace(workspace_id);
      const filter = { workspace_id };
      const rows = await listKeys(database, { filter, limit: limit + 1, before: cursor });
      return c.json(toIdPage(rows, limit, toApiKey), 200);
    })
    .openapi(create, async (c) => {
      const workspace_id = c.req.valid('param').id;
      const given = c.req.valid('json');
      const made = await once(c, deps, given, async (tx) => {
        const { key, ...kept } = newKey();
        const values = { workspace_id, ...given, ...kept };
        const created = await createKey(tx, values, c.get('operator').name);
        if (!created) throw notFound('workspace');
        return { ...toApiKey(created), api_key: key };
      });
      return c.json(made, 201);
    })
    .openapi(remove, async (c) => {
      const { id: workspace_id, key_id } = c.req.valid('param');
      await assertWorkspace(workspace_id);
      const which = { ids: [key_id], workspace_id };
      const { hashes } = await revokeKeys(database, which, { by: c.get('operator').name });
      if (hashes.length === 0) throw notFound('key');
      for (const hash of hashes) keyring.forget(hash);
      return c.body(null, 204);
    });
}
