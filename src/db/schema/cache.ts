import { integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** The channel's summary, ready to be served. */
export const channelSummaries = pgTable('channel_summaries', {
  channel_id: uuid().primaryKey(),
  workspace_id: uuid().notNull(),
  messages: integer().notNull().default(0),
  authors: integer().notNull().default(0),
  /** As `GET /v1/messages/{id}` answers. */
  last_message: jsonb().$type<Record<string, unknown>>(),
  last_activity_at: moment(),
});

/** How many messages of each author are in a channel; an author counts while the sum is above 0. */
export const channelAuthors = pgTable(
  'channel_authors',
  { channel_id: uuid().notNull(), author: text().notNull(), messages: integer().notNull() },
  (t) => [primaryKey({ columns: [t.channel_id, t.author] })],
);
