import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { messages } from '../../db/schema/messages.ts';
import { type SearchText, searchText } from '../../db/search-text.ts';
import { mapInPauses } from '../runtime/pauses.ts';

/** A message's text, ready to be indexed; `reading` is null once the message is deleted. */
export interface Indexable {
  id: string;
  version: number;
  reading: SearchText | null;
}

/** Reads messages as they are now. Those that don't exist are left out. */
export async function loadTexts(tx: Transaction, ids: string[]): Promise<Indexable[]> {
  const rows = await tx
    .select({ id: messages.id, version: messages.version, text: messages.text, deleted_at: messages.deleted_at })
    .from(messages)
    .where(sql`${messages.id} = any(${sql.param(ids)}::uuid[])`);
  return await mapInPauses(rows, ({ id, version, text, deleted_at }) => ({ id, version, reading: deleted_at ? null : searchText(text) }));
}
