import { z } from '@hono/zod-openapi';
import type { TransactionSql } from 'postgres';
import { toMessage } from '../../messages/message.ts';
import { createPauses } from '../../pauses.ts';
import { highlight } from '../../text/search/highlight.ts';
import { type Query, readQuery } from '../../text/search/query.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { author, moment, text, uuid } from '../fields.ts';
import { findChannel } from '../find.ts';
import { heavily } from '../heavy.ts';
import { cursor, limit, pageOf, toPage } from '../paging.ts';
import { invalid } from '../problem.ts';
import { json, operation, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';
import { type Found, findHits, readHits, type Search } from './search-statements.ts';

const query = z.strictObject({
  q: text(0, 1000).openapi({
    description:
      'Words, `"an exact phrase"`, `-not`, `or`, `prefix*`, `from:ada`, `in:general`, ' +
      '`before:2024-01-15`, `after:2024-01`. Accents and case may be left out, and English words ' +
      'are found by their stems too. At most 64 words.',
    example: 'deploy',
  }),
  channel_id: uuid.optional(),
  author: author.optional(),
  from: moment.optional().openapi({ type: 'string', description: 'Sent at this moment or later.' }),
  to: moment.optional().openapi({ type: 'string', description: 'Sent before this moment.' }),
  sort: z
    .enum(['rank', 'newest'])
    .default('rank')
    .openapi({
      description:
        'By how well they fit, or the newest first (by `sent_at`): then every message that fits is ' +
        'listed.',
    }),
  limit,
  // Without its third part: from a version that ranked all.
  cursor: cursor(
    z.union([
      z.tuple([z.number(), uuid, uuid]),
      z.tuple([z.number(), uuid]),
      z.tuple([z.iso.datetime(), uuid]),
    ]),
  ),
});

const hit = z
  .object({
    message: messageSchema,
    rank: z
      .number()
      .openapi({ description: 'How well it fits; only to be compared within one search.' }),
    highlight: z.string().openapi({
      description:
        'The text as HTML: what was found in <mark>, all else escaped. A long one is cut around ' +
        'what was found, with an ellipsis. Beyond 100,000 characters a page only the first 1,000 ' +
        'of a message are looked at.',
    }),
  })
  .openapi('SearchHit');

const page = pageOf(hit).extend({
  ignored: z.array(z.string()).openapi({
    description: 'What of `q` had no effect, as it was typed.',
    example: ['before:soon'],
  }),
});

const find = operation('GET /v1/search', 'searchMessages', {
  tags: ['Search'],
  summary: 'Search messages, best first',
  refuses: [404],
  description:
    'Of the messages that fit, the newest 1,000 (by `sent_at`) are ranked and listed, those ' +
    'first that have the words themselves; `from`, `to`, `channel_id` and `author` reach what is ' +
    'older, and so does `sort=newest`. Later pages leave out what was posted since the first. A page ends early where its ' +
    'messages are long: go on by its ' +
    '`next_cursor`. A search that takes longer than 2 s answers 503.',
  request: { query },
  responses: { 200: json(page, 'Hits. A search without words and filters finds nothing.') },
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

/** A page's hits with their messages, and after them what is left for the next page. */
async function readPage(pg: TransactionSql, given: Search) {
  const hits = await findHits(pg, given);
  const found = hits.length === 0 ? [] : await readHits(pg, hits.slice(0, given.limit));
  const byId = new Map(found.map((message) => [message.id, message]));
  const end = 1 + hits.findIndex(({ id }) => id === found.at(-1)?.id);
  // One that is not among them was deleted just now.
  const shown = hits.slice(0, end).filter(({ id }) => byId.has(id));
  return toPage(
    [...shown, ...hits.slice(end)],
    shown.length,
    ({ id, rank }) => ({ message: byId.get(id)!, rank }),
    ({ rank, id, sent_at, newest }) =>
      given.sort === 'newest' ? [sent_at, id] : [rank, id, newest],
  );
}

/** Characters of a page that are highlighted, and of each message beyond that. */
const HIGHLIGHTED = 100_000;
const BEYOND = 1000;

async function highlightAll(hits: { message: Found; rank: number }[], given: Query) {
  const pause = createPauses();
  let looked = 0;
  const shown = [];
  for (const { message, rank } of hits) {
    const { text } = message;
    const isWhole = looked < HIGHLIGHTED;
    looked += text.length;
    const marked = highlight(text, given, isWhole ? undefined : BEYOND);
    shown.push({ message: toMessage(message), rank, highlight: marked });
    await pause();
  }
  return shown;
}

/** @throws Problem 422 where it asks too much, or goes on with another search's page */
function check({ query, sort, cursor }: Search): void {
  if (query.words > WORDS) {
    const message = `has ${query.words} words, and a search takes ${WORDS} at most: leave some out`;
    throw invalid([{ path: 'q', message }]);
  }
  if (cursor && (typeof cursor[0] === 'string') !== (sort === 'newest'))
    throw invalid([
      { path: 'cursor', message: 'is of a search in another order: begin again without it' },
    ]);
}

/** Full-text search over what the search effect has indexed. */
export const searchRoutes = (deps: ApiDependencies) =>
  router().openapi(find, async (c) => {
    const { q, ...rest } = c.req.valid('query');
    const given = { ...rest, workspaceId: c.get('workspaceId'), query: readQuery(q) };
    check(given);
    const { data, next_cursor } = await heavily(c, deps.heavy, searching, (pg) =>
      readPage(pg, given),
    );
    if (data.length === 0 && given.channel_id)
      await findChannel(deps.database, { workspaceId: given.workspaceId, id: given.channel_id });
    const { ignored } = given.query;
    return c.json({ data: await highlightAll(data, given.query), next_cursor, ignored }, 200);
  });
