import { index, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { created, id, moment } from './columns.ts';

export const notifications = pgTable(
  'notifications',
  {
    id: id(),
    workspace_id: uuid().notNull(),
    channel_id: uuid().notNull(),
    message_id: uuid().notNull(),
    /** The event that brought it, and that sees to its e-mail. */
    event_id: uuid().notNull(),
    recipient: text().notNull(),
    kind: text({ enum: ['mention'] }).notNull(),
    created_at: created(),
    read_at: moment(),
    emailed_at: moment(),
  },
  (t) => [unique().on(t.message_id, t.recipient, t.kind), index().on(t.workspace_id, t.recipient, t.id)],
);
