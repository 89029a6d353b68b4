import { bigint, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { ownSchema } from './columns.ts';

/**
 * How far an ordered effect has come in a sequence: every event up to `seq` is done, given up,
 * or was never its.
 */
export const cursors = ownSchema.table(
  'cursors',
  {
    subscriber: text().notNull(),
    sequence_id: uuid().notNull(),
    seq: bigint({ mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.sequence_id] })],
);

/**
 * The newest holder that each lock in Redis has had: one that was replaced may not write any more.
 */
export const fences = ownSchema.table(
  'fences',
  {
    subscriber: text().notNull(),
    key: uuid().notNull(),
    token: bigint({ mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.key] })],
);
