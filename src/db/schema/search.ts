import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { moment, tsvector } from './columns.ts';

/**
 * `document` is null once the message is deleted; `version` keeps an older text from replacing a
 * newer one.
 */
export const searchDocuments = pgTable(
  'search_documents',
  {
    message_id: uuid().primaryKey(),
    workspace_id: uuid().notNull(),
    channel_id: uuid().notNull(),
    author: text().notNull(),
    sent_at: moment().notNull(),
    version: integer().notNull(),
    document: tsvector(),
  },
  (t) => [
    index('search_documents_document').using('gin', t.document),
    index().on(t.workspace_id, t.sent_at),
  ],
);
