import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { documentSteps } from '../../text/search/postgres.ts';
import { createPauses, inPauses } from '../../yield-to-others.ts';
import { fits, inPages, type Paged } from '../runtime/pages.ts';

/** A message, ready to be indexed. `document` is null if the message is deleted. */
export interface Indexable {
  id: string;
  version: number;
  /** For the type tsvector. */
  document: string | null;
}

interface Row extends Paged {
  version: number;
  is_deleted: boolean;
  author: string;
  text: string;
}

/**
 * Reads messages as they are now, in the order of their ids, a page of their texts at a time.
 * Leaves out ids that don't exist.
 */
export async function* loadTexts(
  db: Database['db'] | Transaction,
  ids: string[],
): AsyncGenerator<Indexable[]> {
  const pause = createPauses();
  for await (const page of inPages(ids, (some) => read(db, some))) {
    const texts: Indexable[] = [];
    for (const { id, version, is_deleted, ...message } of page) {
      const document = is_deleted ? null : await inPauses(documentSteps(message), pause);
      texts.push({ id, version, document });
    }
    yield texts;
  }
}

async function read(db: Database['db'] | Transaction, ids: string[]): Promise<Row[]> {
  const rows = await db.execute(sql`
    select id, version, is_deleted, author, bytes, ${fits} as fits, case when ${fits} then text end as text
    from (
      select id, version, author, deleted_at is not null as is_deleted, octet_length(text) as bytes, text
      from knockon.messages where id = any(${sql.param(ids)}::uuid[])
    ) m window w as (order by id) order by id`);
  return rows as unknown as Row[];
}
