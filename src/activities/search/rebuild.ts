import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { OWN_SCHEMA } from '../../db/own-schema.ts';
import { NIL_UUID } from '../../db/statements.ts';
import { countMessages, type Rebuild } from '../runtime/rebuild.ts';
import { NEXT_DOCUMENTS, writeDocuments } from './documents.ts';
import { loadTexts } from './texts.ts';

/** Messages that one statement catches up with. */
const BATCH = 500;

/**
 * Indexes every message again, into a second table. At the end that table takes the place and the
 * name of the one that is searched.
 */
export function rebuildSearch({ db }: Database): Rebuild {
  return {
    async count() {
      await db.transaction(prepare);
      return await countMessages(db);
    },
    async fill(after, limit) {
      if (!(await isThere(db))) return { after: null, read: 0 };
      return await db.transaction(async (tx) => {
        const ids = await tx.execute<{ id: string }>(
          sql`select id from knockon.messages where id > ${after ?? NIL_UUID} order by id
            limit ${limit}`,
        );
        await index(tx, ids);
        return { after: ids.length < limit ? null : (ids.at(-1)?.id ?? null), read: ids.length };
      });
    },
    async swap() {
      if (!(await isThere(db))) return;
      await db.execute(sql`analyze ${NEXT_DOCUMENTS}`);
      while ((await db.transaction(catchUp)) === BATCH);
      await db.transaction(async (tx) => {
        // From here on writers wait, so nothing changes any more. Readers don't wait.
        await tx.execute(sql`lock table knockon.search_documents in share row exclusive mode`);
        while ((await catchUp(tx)) === BATCH);
        await rename(tx);
      });
    },
  };
}

async function isThere(db: Database['db'] | Transaction): Promise<boolean> {
  const [row] = await db.execute<{ there: boolean }>(
    sql`select to_regclass(${`${OWN_SCHEMA}.search_documents_next`}) is not null as there`,
  );
  return row?.there === true;
}

async function prepare(tx: Transaction): Promise<void> {
  for (const statement of [
    sql`drop table if exists ${NEXT_DOCUMENTS}`,
    sql`create table ${NEXT_DOCUMENTS}
      (like knockon.search_documents including defaults including storage)`,
    sql`alter table ${NEXT_DOCUMENTS}
      add constraint search_documents_next_pkey primary key (message_id)`,
    sql`create index search_documents_next_document on ${NEXT_DOCUMENTS} using gin (document)`,
    sql`create index search_documents_next_sent_at on ${NEXT_DOCUMENTS} (workspace_id, sent_at)`,
  ])
    await tx.execute(statement);
}

async function index(tx: Transaction, rows: { id: string }[]): Promise<void> {
  if (rows.length === 0) return;
  const ids = rows.map((row) => row.id);
  for await (const texts of loadTexts(tx, ids)) await writeDocuments(tx, texts, NEXT_DOCUMENTS);
}

/**
 * Indexes messages that are new or have changed since they were read.
 *
 * @returns their number, at most BATCH
 */
async function catchUp(tx: Transaction): Promise<number> {
  const behind = await tx.execute<{ id: string }>(sql`
    select m.id from knockon.messages m
    where m.version > coalesce(
      (select n.version from ${NEXT_DOCUMENTS} n where n.message_id = m.id), -1
    ) limit ${BATCH}`);
  await index(tx, behind);
  return behind.length;
}

/** Gives the new table the names that migrations know. */
async function rename(tx: Transaction): Promise<void> {
  for (const statement of [
    sql`drop table knockon.search_documents`,
    sql`alter table ${NEXT_DOCUMENTS} rename to search_documents`,
    sql`alter index knockon.search_documents_next_pkey rename to search_documents_pkey`,
    sql`alter index knockon.search_documents_next_document rename to search_documents_document`,
    sql`alter index knockon.search_documents_next_sent_at
      rename to search_documents_workspace_id_sent_at_index`,
  ])
    await tx.execute(statement);
}
