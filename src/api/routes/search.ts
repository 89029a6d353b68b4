import { z } from '@hono/zod-openapi';
import { inArray, sql } from 'drizzle-orm';
import { messages } from '../../db/schema/messages.ts';
import { searchDocuments as documents } from '../../db/schema/search.ts';
import { searchQuery } from '../../db/search-text.ts';
import { toMessage } from '../../messages/message.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { author, moment, text, uuid } from '../fields.ts';
import { findChannel } from '../find.ts';
import { highlighted, jointed, MARK } from '../highlight.ts';
import { cursor, limit, pageOf, toPage } from '../paging.ts';
import { json, operation, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';

const query = z.strictObject({
  q: text(0, 1000).openapi({
    description: 'Words, `"an exact phrase"`, `-not`, `or`. Words are compared by their English stems.',
    example: 'deploy',
  }),
  channel_id: uuid.optional(),
  author: author.optional(),
  from: moment.optional().openapi({ type: 'string', description: 'Sent at this moment or later.' }),
  to: moment.optional().openapi({ type: 'string', description: 'Sent before this moment.' }),
  limit,
  cursor: cursor(z.tuple([z.number(), uuid])),
});

const hit = z
  .object({
    message: messageSchema,
    rank: z.number().openapi({ description: 'How well it fits; only to be compared within one search.' }),
    highlight: z.string().openapi({ description: 'The places that fit, as HTML: hits in <mark>, all else escaped.' }),
  })
  .openapi('SearchHit');

const search = operation({
  method: 'get',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search messages, best first',
  request: { query },
  responses: { 200: json(pageOf(hit), 'Hits. A query of nothing but stop words finds nothing.') },
});

interface Found extends Record<string, unknown> {
  id: string;
  rank: number;
  highlight: string;
}

/** The page's hits. Only they are highlighted: the inner query ranks, the outer one reads texts. */
function findHits({ database: { db } }: ApiDependencies, workspaceId: string, given: z.output<typeof query>) {
  const { q, channel_id, author, from, to, cursor, limit } = given;
  return db.execute<Found>(sql`
    with query as (select websearch_to_tsquery('english', ${searchQuery(q)}) as terms),
    page as (
      select ${documents.message_id} as id, ts_rank_cd(${documents.document}, terms)::float8 as rank
      from ${documents}, query
      where ${documents.workspace_id} = ${workspaceId} and numnode(terms) > 0 and ${documents.document} @@ terms
        ${channel_id ? sql`and ${documents.channel_id} = ${channel_id}` : sql``}
        ${author ? sql`and ${documents.author} = ${author}` : sql``}
        ${from ? sql`and ${documents.sent_at} >= ${from.toISOString()}` : sql``}
        ${to ? sql`and ${documents.sent_at} < ${to.toISOString()}` : sql``}
        ${cursor ? sql`and (ts_rank_cd(${documents.document}, terms)::float8, ${documents.message_id}) < (${cursor[0]}::float8, ${cursor[1]}::uuid)` : sql``}
        and exists (select from ${messages} where ${messages.id} = ${documents.message_id} and ${messages.deleted_at} is null)
      order by rank desc, id desc
      limit ${limit + 1}
    )
    select page.id, page.rank, ts_headline('english', ${jointed(messages.text)}, terms, ${MARK.options}) as highlight
    from page join ${messages} on ${messages.id} = page.id, query
    order by page.rank desc, page.id desc`);
}

/** Full-text search over what the search effect has indexed. */
export const searchRoutes = (deps: ApiDependencies) =>
  router().openapi(search, async (c) => {
    const given = c.req.valid('query');
    const workspaceId = c.get('workspaceId');
    const hits = await findHits(deps, workspaceId, given);
    if (hits.length === 0 && given.channel_id) await findChannel(deps.database, { workspaceId, id: given.channel_id });
    const ids = hits.map((hit) => hit.id);
    const rows = ids.length === 0 ? [] : await deps.database.db.select().from(messages).where(inArray(messages.id, ids));
    const byId = new Map(rows.map((row) => [row.id, toMessage(row)]));
    const page = toPage(
      hits.filter((hit) => byId.has(hit.id)),
      given.limit,
      ({ id, rank, highlight }) => ({ message: byId.get(id)!, rank, highlight: highlighted(highlight) }),
      ({ id, rank }) => [rank, id],
    );
    return c.json(page, 200);
  });
