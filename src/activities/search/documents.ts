import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import type { Indexable } from './texts.ts';

const DOCUMENTS = sql`knockon.search_documents`;

/** The table that a rebuild fills. */
export const NEXT_DOCUMENTS = sql`knockon.search_documents_next`;

/**
 * Writes the documents, in the order of their ids to avoid deadlocks. A document of a newer version
 * stays. One of the same version is written again: so a rebuild brings a better analysis.
 *
 * @param table default: the one that is searched
 */
export async function writeDocuments(
  db: Database['db'] | Transaction,
  messages: Indexable[],
  table: SQL = DOCUMENTS,
): Promise<void> {
  const column = (pick: (message: Indexable) => string | number | null) =>
    sql.param(messages.map(pick));
  await db.execute(sql`
    insert into ${table} as d
      (message_id, workspace_id, channel_id, author, sent_at, version, document)
    select m.id, m.workspace_id, m.channel_id, m.author, m.sent_at, t.version,
      t.document::tsvector
    from unnest(
      ${column((m) => m.id)}::uuid[], ${column((m) => m.version)}::int[],
      ${column((m) => m.document)}::text[]
    ) as t (id, version, document)
      cross join lateral (select * from knockon.messages where id = t.id offset 0) m
    order by m.id
    on conflict (message_id) do update set version = excluded.version, document = excluded.document
    where d.version <= excluded.version`);
}
