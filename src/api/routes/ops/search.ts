import { z } from '@hono/zod-openapi';
import { recordAction } from '../../../ops/access/action-log.ts';
import { channelNames } from '../../../ops/inspect/channel-names.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { uuid } from '../../fields.ts';
import { declareRoute, json, router } from '../../router.ts';
import { searchMessages } from '../search-page.ts';
import { searchHit, searchPage, searchQuery } from '../search-schema.ts';

/** What the log names where no workspace is chosen. */
const ALL = 'all workspaces';

const hit = searchHit
  .extend({ workspace_id: uuid, workspace_name: z.string(), channel_name: z.string() })
  .openapi('OperatorSearchHit');

const find = declareRoute('GET /v1/ops/search', 'opsSearchMessages', {
  summary: 'Search the messages of all workspaces, or of one',
  description:
    'As `GET /v1/search`. In all workspaces a search must have a word, or `from:`. The action ' +
    'log says who searched in which workspace; what was typed is not kept.',
  // It writes that down.
  acts: true,
  request: { query: searchQuery.extend({ workspace_id: uuid.optional() }) },
  responses: { 200: json(searchPage(hit), 'Hits, each with where it was said.') },
});

/** Finds what customers wrote, for operators. */
export const opsSearchRoutes = (deps: ApiDependencies) =>
  router().openapi(find, async (c) => {
    const { workspace_id: workspaceId = null, ...asked } = c.req.valid('query');
    const { data, ...page } = await searchMessages(c, deps, { ...asked, workspaceId });
    const { name: by } = c.get('operator');
    // Before anything is shown.
    await recordAction(deps.database.db, { by, verb: 'search', subject: workspaceId ?? ALL });
    const ids = data.map(({ message }) => message.channel_id);
    const names = await channelNames(deps.database, ids);
    const shown = data.map((found) => ({ ...found, ...names.get(found.message.channel_id)! }));
    return c.json({ ...page, data: shown }, 200);
  });
