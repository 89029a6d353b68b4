import type { ApiDependencies } from '../dependencies.ts';
import { findChannel } from '../find.ts';
import { declareRoute, json, router } from '../router.ts';
import { searchMessages } from './search-page.ts';
import { searchHit, searchPage, searchQuery } from './search-schema.ts';

const find = declareRoute('GET /v1/search', 'searchMessages', {
  tags: ['Search'],
  summary: 'Search messages, best first',
  refuses: [404],
  description:
    'Of the messages that fit, the newest 1,000 (by `sent_at`) are ranked and listed, those ' +
    'first that have the words themselves; `from`, `to`, `channel_id` and `author` reach what is ' +
    'older, and so does `sort=newest`. Later pages leave out what was posted since the first. A page ends early where its ' +
    'messages are long: go on by its ' +
    '`next_cursor`. A search that takes longer than 2 s answers 503.',
  request: { query: searchQuery },
  responses: {
    200: json(searchPage(searchHit), 'Hits. A search without words and filters finds nothing.'),
  },
});

/** Full-text search over what the search effect has indexed. */
export const searchRoutes = (deps: ApiDependencies) =>
  router().openapi(find, async (c) => {
    const given = { ...c.req.valid('query'), workspaceId: c.get('workspaceId') };
    const page = await searchMessages(c, deps, given);
    if (page.data.length === 0 && given.channel_id)
      await findChannel(deps.database, { workspaceId: given.workspaceId, id: given.channel_id });
    return c.json(page, 200);
  });
