import { index, integer, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment, ownSchema, tsvector } from './columns.ts';

/**
 * `document` is null once the message is deleted; `version` keeps an older text from replacing a
 * newer one.
 */
export const searchDocuments = ownSchema.table(
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

/** The channel's summary, ready to be served. */
export const channelSummaries = ownSchema.table('channel_summaries', {
  channel_id: uuid().primaryKey(),
  workspace_id: uuid().notNull(),
  messages: integer().notNull().default(0),
  authors: integer().notNull().default(0),
  /** As `GET /v1/messages/{id}` answers. */
  last_message: jsonb().$type<Record<string, unknown>>(),
  last_activity_at: moment(),
});

/** How many messages of each author are in a channel; an author counts while the sum is above 0. */
export const channelAuthors = ownSchema.table(
  'channel_authors',
  { channel_id: uuid().notNull(), author: text().notNull(), messages: integer().notNull() },
  (t) => [primaryKey({ columns: [t.channel_id, t.author] })],
);

/**
 * Messages an author sent to a channel in a quarter of an hour (by `sent_at`): hours and days of
 * every zone begin at one. A sum may be negative for a moment.
 */
export const analyticsQuarters = ownSchema.table(
  'analytics_quarters',
  {
    channel_id: uuid().notNull(),
    quarter: moment().notNull(),
    author: text().notNull(),
    workspace_id: uuid().notNull(),
    messages: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.channel_id, t.quarter, t.author] }),
    index().on(t.workspace_id, t.quarter),
  ],
);
