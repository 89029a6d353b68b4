import { type SQL, sql } from 'drizzle-orm';
import type { TransactionSql } from 'postgres';
import { foldedName } from '../../db/schema/columns.ts';
import type { messages } from '../../db/schema/messages.ts';
import { ask } from '../../db/statements.ts';
import { type TsQueries, tsQueriesOf } from '../../text/search/postgres.ts';
import type { Query } from '../../text/search/query.ts';

/** What is searched for, and where. */
export interface Search {
  /** Null: in all of them, for operators. */
  workspaceId: string | null;
  query: Query;
  channel_id?: string;
  author?: string;
  from?: Date;
  to?: Date;
  sort: 'rank' | 'newest';
  limit: number;
  /**
   * The last page's last hit. By rank: with the newest message of the set that was ranked. Newest
   * first: when it was sent.
   */
  cursor?: [rank: number, id: string, newest?: string] | [sentAt: string, id: string];
}

/** A message that fits. */
export interface Hit {
  id: string;
  rank: number;
  /** When it was sent: RFC 3339 in UTC, with microseconds. */
  sent_at: string;
  /**
   * Of the messages that were ranked, the greatest id: later pages leave out what is newer, so that
   * nothing moves.
   */
  newest: string;
}

/**
 * Messages that are ranked, the newest that fit: ranking all would take as long as there are
 * messages.
 */
const RANKED = 1000;

/** The hits of a page and one more. */
export async function findHits(tx: TransactionSql, given: Search): Promise<Hit[]> {
  const queries = tsQueriesOf(given.query);
  if (queries.matching === null && !isNarrow(given.query)) return [];
  return given.sort === 'newest'
    ? await findNewest(tx, given, queries)
    : await findBest(tx, given, queries);
}

/**
 * Whether all messages would have to be looked at where it is not narrowed to a workspace: it has
 * filters or exclusions alone, also as one side of an `or`.
 */
export const needsWorkspace = (query: Query): boolean => {
  const { branches, filters } = query;
  const isSaid = branches.every((terms) => terms.some(({ isExcluded }) => !isExcluded));
  return filters.from.length === 0 && !(isSaid && branches.length > 0) && !isEmpty(query);
};

const isEmpty = (query: Query) =>
  query.branches.length === 0 && query.filters.notFrom.length === 0 && !isNarrow(query);

const isNarrow = ({ filters }: Query) =>
  Boolean(filters.in.length || filters.notIn.length || filters.since || filters.until);

/**
 * The newest that have the words themselves, then those that have others of their stems.
 * `materialized`, so that ranking, which reads each text's whole index entry, is done for these
 * alone.
 */
async function findBest(tx: TransactionSql, given: Search, queries: TsQueries): Promise<Hit[]> {
  const { matching, exactly } = queries;
  const [rank, id, newest] = (given.cursor ?? []) as [number?, string?, string?];
  const some = (condition: SQL) => sql`(
      select d.message_id, d.document, d.sent_at from knockon.search_documents d
      where ${condition} and ${scope(given)}
        ${newest ? sql`and d.message_id <= ${newest}` : sql``}
      order by d.sent_at desc, d.message_id desc limit ${RANKED}
    )`;
  const fitting = exactly
    ? sql`${some(fits(exactly))}
      union all ${some(sql`${fits(matching)} and not ${fits(exactly)}`)} limit ${RANKED}`
    : some(fits(matching));
  return await ask<Hit>(
    tx,
    sql`
    with fitting as materialized (${fitting}), ranked as (
      select message_id as id, sent_at, ${rankBy(queries)} as rank from fitting
    )
    select id, rank, ${written} as sent_at,
      (select message_id from fitting order by message_id desc limit 1) as newest
    from ranked where ${isThere}
      ${rank === undefined ? sql`` : sql`and (rank, id) < (${rank}::float8, ${id ?? null}::uuid)`}
    order by rank desc, id desc limit ${given.limit + 1}`,
  );
}

async function findNewest(tx: TransactionSql, given: Search, queries: TsQueries): Promise<Hit[]> {
  const [sentAt, id] = given.cursor ?? [];
  return await ask<Hit>(
    tx,
    sql`
    with fitting as materialized (
      select d.message_id as id, d.document, d.sent_at from knockon.search_documents d
      where ${fits(queries.matching)} and ${scope(given)}
        and (select deleted_at is null from knockon.messages where id = d.message_id)
        ${id ? sql`and (d.sent_at, d.message_id) < (${sentAt}::timestamptz, ${id}::uuid)` : sql``}
      order by d.sent_at desc, d.message_id desc limit ${given.limit + 1}
    )
    select id, ${rankBy(queries)} as rank, ${written} as sent_at, id as newest
    from fitting order by fitting.sent_at desc, id desc`,
  );
}

const fits = (query: string | null): SQL =>
  query === null ? sql`d.document is not null` : sql`d.document @@ ${query}::tsquery`;

const rankBy = ({ ranking }: TsQueries): SQL =>
  ranking.length === 0
    ? sql`0::float8`
    : sql.join(
        ranking.map((query) => sql`ts_rank(document, ${query}::tsquery)::float8`),
        sql` + `,
      );

const written = sql`to_char(sent_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** One that is not there has been deleted just now. */
const isThere = sql`(select deleted_at is null from knockon.messages m where m.id = ranked.id)`;

/** What is searched in, by the fields of the request and by what is typed. */
function scope({ workspaceId, channel_id, author, from, to, query }: Search): SQL {
  const { in: channels, notIn, since, until } = query.filters;
  const after = [from, since].flatMap((moment) => moment?.toISOString() ?? []);
  const before = [to, until].flatMap((moment) => moment?.toISOString() ?? []);
  return sql.join(
    [
      ofWorkspace(sql`d.workspace_id`, workspaceId),
      ...(channel_id ? [sql`d.channel_id = ${channel_id}`] : []),
      ...(author ? [sql`d.author = ${author}`] : []),
      ...after.map((moment) => sql`d.sent_at >= ${moment}`),
      ...before.map((moment) => sql`d.sent_at < ${moment}`),
      ...(channels.length > 0 ? [sql`d.channel_id = any(${named(workspaceId, channels)})`] : []),
      ...(notIn.length > 0 ? [sql`d.channel_id <> all(${named(workspaceId, notIn)})`] : []),
    ],
    sql` and `,
  );
}

const ofWorkspace = (column: SQL, id: string | null): SQL =>
  id === null ? sql`true` : sql`${column} = ${id}`;

/** Channels by id, or by name without its `#`, in any case. */
function named(workspaceId: string | null, names: string[]): SQL {
  const ids = names.map((name) => name.toLowerCase());
  return sql`array(select id from knockon.channels
    where ${ofWorkspace(sql`workspace_id`, workspaceId)} and (
      ${foldedName(sql`regexp_replace(name, '^[#＃](?=.)', '')`)} in
        (select ${foldedName(sql`t.name`)} from unnest(${sql.param(names)}::text[]) as t (name))
      or id::text = any(${sql.param(ids)}::text[])))`;
}

/** Bytes of text that a page has: it ends early where its messages are long. */
const PAGE_BYTES = 2 * 1024 * 1024;

/** A hit's message. */
export type Found = typeof messages.$inferSelect;

/** The messages of hits, in their order, as many as a page has bytes for, and one at least. */
export async function readHits(tx: TransactionSql, hits: Hit[]): Promise<Found[]> {
  return await ask<Found>(
    tx,
    sql`
    with found as (
      select m.*, t.place, sum(octet_length(m.text)) over before_it as bytes
      from unnest(${sql.param(hits.map((hit) => hit.id))}::uuid[]) with ordinality as t (id, place)
      cross join lateral (select * from knockon.messages where id = t.id
        and deleted_at is null offset 0) m
      window before_it as (order by t.place rows between unbounded preceding and 1 preceding)
    )
    select id, workspace_id, channel_id, seq::float8 as seq, author, text, metadata, version,
      sent_at, created_at, updated_at, deleted_at
    from found where coalesce(bytes, 0) < ${PAGE_BYTES} order by place`,
  );
}
