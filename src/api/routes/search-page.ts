import type { Context } from 'hono';
import type { TransactionSql } from 'postgres';
import { toMessage } from '../../messages/message.ts';
import { highlight } from '../../text/search/highlight.ts';
import { type Query, readQuery } from '../../text/search/query.ts';
import { createPauses } from '../../yield-to-others.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { heavily } from '../heavy-reads.ts';
import { toPage } from '../paging.ts';
import { invalid } from '../problem.ts';
import type { Env } from '../router.ts';
import {
  type Found,
  findHits,
  needsWorkspace,
  readHits,
  type Search,
} from './search-statements.ts';

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
function check(given: Search): void {
  const { query, sort, cursor, workspaceId } = given;
  if (query.words > WORDS) {
    const message = `has ${query.words} words, and a search takes ${WORDS} at most: leave some out`;
    throw invalid([{ path: 'q', message }]);
  }
  if (workspaceId === null && needsWorkspace(query))
    throw invalid([
      {
        path: 'q',
        message:
          'must have a word or from: on each side of or, to search all workspaces; or choose one by ' +
          'workspace_id',
      },
    ]);
  if (cursor && (typeof cursor[0] === 'string') !== (sort === 'newest'))
    throw invalid([
      { path: 'cursor', message: 'is of a search in another order: begin again without it' },
    ]);
}

/** What a request asks for; `q` is read here. */
type Asked = Omit<Search, 'query'> & { q: string; tz: string };

/** Finds messages, and marks what was found. @throws Problem 422, 503 */
export async function searchMessages(
  c: Context<Env>,
  { heavy }: ApiDependencies,
  { q, tz, ...rest }: Asked,
) {
  const given = { ...rest, query: readQuery(q, tz) };
  check(given);
  const { data, next_cursor } = await heavily(c, heavy, searching, (pg) => readPage(pg, given));
  const { ignored } = given.query;
  return { data: await highlightAll(data, given.query), next_cursor, ignored };
}
