import { index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/**
 * Messages an author sent to a channel in an hour (UTC, by `sent_at`). A sum may be negative for a
 * moment.
 */
export const analyticsHours = pgTable(
  'analytics_hours',
  {
    channel_id: uuid().notNull(),
    hour: moment().notNull(),
    author: text().notNull(),
    workspace_id: uuid().notNull(),
    messages: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.channel_id, t.hour, t.author] }),
    index().on(t.workspace_id, t.hour),
  ],
);
