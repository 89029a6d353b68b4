import { bigint, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';

/**
 * How far an ordered effect has come in a channel's log: every event up to `seq` is done, given up,
 * or was never its.
 */
export const cursors = pgTable(
  'cursors',
  {
    subscriber: text().notNull(),
    channel_id: uuid().notNull(),
    seq: bigint({ mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.channel_id] })],
);

/**
 * The newest holder that each lock in Redis has had: one that was replaced may not write any more.
 */
export const fences = pgTable(
  'fences',
  {
    subscriber: text().notNull(),
    key: uuid().notNull(),
    token: bigint({ mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.key] })],
);
