import { z } from '@hono/zod-openapi';
import { listWorkspaces } from '../../../ops/access/workspaces.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp, uuid } from '../../fields.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { declareRoute, json, router } from '../../router.ts';

const workspace = z
  .object({ id: uuid, name: z.string(), created_at: timestamp })
  .openapi('Workspace');

const list = declareRoute('GET /v1/ops/workspaces', 'listWorkspaces', {
  summary: 'List workspaces, newest first',
  request: {
    query: z.strictObject({
      name: text(1, 255).optional().openapi({ description: 'Only of exactly this name.' }),
      limit,
      cursor: idCursor,
    }),
  },
  responses: { 200: json(pageOf(workspace), 'Workspaces, without their keys.') },
});

/** Whose things the others are. */
export const opsWorkspaceRoutes = ({ database }: ApiDependencies) =>
  router().openapi(list, async (c) => {
    const { limit, cursor, name } = c.req.valid('query');
    const rows = await listWorkspaces(database, { name, limit: limit + 1, before: cursor });
    return c.json(toIdPage(rows, limit), 200);
  });
