import { type SQL, sql } from 'drizzle-orm';
import type { TransactionSql } from 'postgres';
import type { messages } from '../../db/schema/messages.ts';
import { searchQuery } from '../../db/search-text.ts';
import { ask } from '../../db/statements.ts';
import { jointed, MARK } from '../highlight.ts';

/** What is searched for, and where. */
export interface Search {
  workspaceId: string;
  /** As typed. */
  q: string;
  channel_id?: string;
  author?: string;
  from?: Date;
  to?: Date;
  limit: number;
  /**
   * The last page's last hit (rank and message), and the newest message of the set that was ranked.
   */
  cursor?: [rank: number, id: string, newest?: string];
}

/** A message that fits. */
export interface Hit {
  id: string;
  rank: number;
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

/**
 * The best hits of a page and one more. `materialized`, so that ranking, which reads each text's
 * whole index entry, is done for these alone.
 */
export async function findHits(
  tx: TransactionSql,
  { workspaceId, q, channel_id, author, from, to, limit, cursor }: Search,
): Promise<Hit[]> {
  const terms = sql`websearch_to_tsquery('english', ${searchQuery(q)})`;
  const [rank, id, newest] = cursor ?? [];
  return await ask<Hit>(
    tx,
    sql`
    with fitting as materialized (
      select d.message_id, d.document from knockon.search_documents d
      where d.workspace_id = ${workspaceId} and numnode(${terms}) > 0 and d.document @@ ${terms}
        ${channel_id ? sql`and d.channel_id = ${channel_id}` : sql``}
          ${author ? sql`and d.author = ${author}` : sql``}
        ${from ? sql`and d.sent_at >= ${from.toISOString()}` : sql``}
          ${to ? sql`and d.sent_at < ${to.toISOString()}` : sql``}
        ${newest ? sql`and d.message_id <= ${newest}` : sql``}
        and (select deleted_at is null from knockon.messages where id = d.message_id)
      order by d.sent_at desc, d.message_id desc limit ${RANKED}
    ), ranked as (
      select message_id as id, ts_rank(document, ${terms})::float8 as rank from fitting
    )
    select id, rank, (select message_id from fitting order by message_id desc limit 1) as newest
      from ranked
    ${rank === undefined ? sql`` : sql`where (rank, id) < (${rank}::float8, ${id ?? null}::uuid)`}
    order by rank desc, id desc limit ${limit + 1}`,
  );
}

/** Bytes of text that a page has: it ends early where its messages are long. */
const PAGE_BYTES = 2 * 1024 * 1024;

/** Characters of a page that are highlighted, and of each message beyond that. */
const HIGHLIGHTED = 100_000;
const BEYOND = 1000;

/** A hit's message, with its headline (see `highlighted`). */
export type Found = typeof messages.$inferSelect & { headline: string };

/** A text as far as it is highlighted; of a row of `found`. */
const shown: SQL = sql`case when coalesce(characters, 0) < ${HIGHLIGHTED} then text
  else left(text, ${BEYOND}) end`;

/** The messages of hits, in their order, as many as a page has bytes for, and one at least. */
export async function readHits(tx: TransactionSql, q: string, hits: Hit[]): Promise<Found[]> {
  const rows = await ask<Found>(
    tx,
    sql`
    with found as (
      select m.*, t.place, sum(octet_length(m.text)) over before_it as bytes,
        sum(char_length(m.text)) over before_it as characters
      from unnest(${sql.param(hits.map((hit) => hit.id))}::uuid[]) with ordinality as t (id, place)
      cross join lateral (select * from knockon.messages where id = t.id
        and deleted_at is null offset 0) m
      window before_it as (order by t.place rows between unbounded preceding and 1 preceding)
    )
    select id, workspace_id, channel_id, seq::float8 as seq, author, text, metadata, version,
      sent_at, created_at, updated_at, deleted_at,
      ts_headline('english', ${jointed(shown)}, websearch_to_tsquery('english', ${searchQuery(q)}),
        ${MARK.options}) as headline
    from found where coalesce(bytes, 0) < ${PAGE_BYTES} order by place`,
  );
  return rows;
}
