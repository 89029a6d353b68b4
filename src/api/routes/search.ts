import { z } from '@hono/zod-openapi';
import type { TransactionSql } from 'postgres';
import { wordsIn } from '../../db/search-text.ts';
import { toMessage } from '../../messages/message.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { author, moment, text, uuid } from '../fields.ts';
import { findChannel } from '../find.ts';
import { heavily } from '../heavy.ts';
import { highlighted } from '../highlight.ts';
import { cursor, limit, pageOf, toPage } from '../paging.ts';
import { invalid } from '../problem.ts';
import { json, operation, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';
import { type Found, findHits, readHits, type Search } from './search-statements.ts';

const query = z.strictObject({
  q: text(0, 1000).openapi({
    description:
      'Words, `"an exact phrase"`, `-not`, `or`. Words are compared by their English stems. At ' +
      'most 64 words.',
    example: 'deploy',
  }),
  channel_id: uuid.optional(),
  author: author.optional(),
  from: moment.optional().openapi({ type: 'string', description: 'Sent at this moment or later.' }),
  to: moment.optional().openapi({ type: 'string', description: 'Sent before this moment.' }),
  limit,
  // Without its third part: from a version that ranked all.
  cursor: cursor(z.union([z.tuple([z.number(), uuid, uuid]), z.tuple([z.number(), uuid])])),
});

const hit = z
  .object({
    message: messageSchema,
    rank: z
      .number()
      .openapi({ description: 'How well it fits; only to be compared within one search.' }),
    highlight: z.string().openapi({
      description:
        'The places that fit, as HTML: hits in <mark>, all else escaped. Beyond 100,000 ' +
        'characters a page only the first 1,000 of a message are looked at.',
    }),
  })
  .openapi('SearchHit');

const find = operation('GET /v1/search', 'searchMessages', {
  tags: ['Search'],
  summary: 'Search messages, best first',
  refuses: [404],
  description:
    'Of the messages that fit, the newest 1,000 (by `sent_at`) are ranked and listed; `from`, ' +
    '`to`, `channel_id` and `author` reach what is ' +
    'older. Later pages leave out what was posted since the first. A page ends early where its ' +
    'messages are long: go on by its ' +
    '`next_cursor`. A search that takes longer than 2 s answers 503.',
  request: { query },
  responses: { 200: json(pageOf(hit), 'Hits. A query of nothing but stop words finds nothing.') },
});

/** Words that a search may have: each costs time in every message that is ranked. */
const WORDS = 64;

const LIMIT_MS = 2_000;

const searching = {
  what: 'search',
  limitMs: LIMIT_MS,
  advice:
    'Search for fewer or rarer words, or in less: narrow it with channel_id, author, from or to.',
};

type Shown = Found & { rank: number };

/** A page's hits with their messages, and after them what is left for the next page. */
async function readPage(pg: TransactionSql, given: Search) {
  const hits = await findHits(pg, given);
  const found = hits.length === 0 ? [] : await readHits(pg, given.q, hits.slice(0, given.limit));
  const byId = new Map(found.map((message) => [message.id, message]));
  const end = 1 + hits.findIndex(({ id }) => id === found.at(-1)?.id);
  // One that is not among them was deleted just now.
  const shown = hits.slice(0, end).filter(({ id }) => byId.has(id));
  return toPage(
    [...shown, ...hits.slice(end)],
    shown.length,
    ({ id, rank }) => show({ ...byId.get(id)!, rank }),
    ({ rank, id, newest }) => [rank, id, newest],
  );
}

const show = ({ rank, headline, ...message }: Shown) => ({
  message: toMessage(message),
  rank,
  highlight: highlighted(headline),
});

/** Full-text search over what the search effect has indexed. */
export const searchRoutes = (deps: ApiDependencies) =>
  router().openapi(find, async (c) => {
    const given = { ...c.req.valid('query'), workspaceId: c.get('workspaceId') };
    const words = wordsIn(given.q);
    if (words > WORDS)
      throw invalid([
        {
          path: 'q',
          message: `has ${words} words, and a search takes ${WORDS} at most: leave some out`,
        },
      ]);
    const page = await heavily(c, deps.heavy, searching, (pg) => readPage(pg, given));
    if (page.data.length === 0 && given.channel_id)
      await findChannel(deps.database, { workspaceId: given.workspaceId, id: given.channel_id });
    return c.json(page, 200);
  });
