import { sql } from 'drizzle-orm';
import { bigint, index, jsonb, pgTable, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/**
 * The log. Rows are written once and never changed: what becomes of an event stands in `outbox` and
 * `receipts`.
 */
export const events = pgTable(
  'events',
  {
    id: uuid().primaryKey(),
    type: text().notNull(),
    version: smallint().notNull(),
    workspace_id: uuid().notNull(),
    channel_id: uuid(),
    message_id: uuid(),
    seq: bigint({ mode: 'number' }),
    timestamp: moment().notNull(),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
  },
  (t) => [
    index().on(t.workspace_id, t.id),
    unique().on(t.channel_id, t.seq),
    index().on(t.message_id, t.id),
    // What is rare is found without reading what is common; that has no index more to write.
    index('events_uncommon').on(t.type, t.id).where(sql`type <> 'message.created'`),
  ],
);
