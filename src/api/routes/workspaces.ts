import { z } from '@hono/zod-openapi';
import { apiKeys, workspaces } from '../../db/schema/workspaces.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { name, uuid } from '../fields.ts';
import { newKey } from '../keys.ts';
import { once } from '../middleware/idempotency.ts';
import { body, declareRoute, json, router } from '../router.ts';

const newWorkspace = z
  .strictObject({ name: name.openapi({ example: 'Acme' }) })
  .openapi('NewWorkspace');

const workspaceWithKey = z
  .object({
    id: uuid,
    name: z.string(),
    api_key: z.string().openapi({ description: 'Shown this once.', example: 'kn_…' }),
  })
  .openapi('WorkspaceWithKey');

const create = declareRoute('POST /v1/workspaces', 'createWorkspace', {
  tags: ['Workspaces'],
  summary: 'Make a workspace and its first key',
  creates: true,
  security: [{ operator: [] }],
  request: { body: body(newWorkspace) },
  responses: { 201: json(workspaceWithKey, 'The workspace, and its key, shown this once.') },
});

/** Workspaces: the operator's own resource. */
export const workspaceRoutes = (deps: ApiDependencies) =>
  router().openapi(create, async (c) => {
    const given = c.req.valid('json');
    const made = await once(c, deps, given, async (tx) => {
      const [workspace] = await tx.insert(workspaces).values(given).returning();
      const { key, hash, prefix } = newKey();
      await tx
        .insert(apiKeys)
        .values({ workspace_id: workspace!.id, name: 'first key', prefix, hash });
      return { id: workspace!.id, name: workspace!.name, api_key: key };
    });
    return c.json(made, 201);
  });
