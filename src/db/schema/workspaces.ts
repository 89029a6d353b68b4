import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import { bytea, created, id, ownSchema } from './columns.ts';

export const workspaces = ownSchema.table('workspaces', {
  id: id(),
  name: text().notNull(),
  created_at: created(),
});

/**
 * The key itself is never stored: `hash` is its SHA-256, `prefix` its first characters, to tell
 * keys apart.
 */
export const apiKeys = ownSchema.table(
  'api_keys',
  {
    id: id(),
    workspace_id: uuid()
      .notNull()
      .references(() => workspaces.id),
    name: text().notNull(),
    prefix: text().notNull(),
    hash: bytea().notNull().unique(),
    created_at: created(),
  },
  (t) => [index().on(t.workspace_id, t.id)],
);

/**
 * `response` is the first answer, sealed (it may hold a secret); of a message's or an event's the
 * id alone is kept.
 */
export const idempotencyKeys = ownSchema.table(
  'idempotency_keys',
  {
    /** The nil UUID for calls made with the operator's key. */
    workspace_id: uuid().notNull(),
    key: text().notNull(),
    request_hash: bytea().notNull(),
    status: integer().notNull(),
    response: text(),
    message_id: uuid(),
    event_id: uuid(),
    created_at: timestamp({ withTimezone: true }).notNull().default(sql`now()`),
  },
  (t) => [
    primaryKey({ columns: [t.workspace_id, t.key] }),
    index().on(t.created_at),
    index().on(t.message_id).where(sql`message_id is not null`),
    index().on(t.event_id).where(sql`event_id is not null`),
  ],
);
