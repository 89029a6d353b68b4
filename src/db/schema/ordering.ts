import { bigint, index, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment, ownSchema } from './columns.ts';

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

/** Who holds which key of an ordered effect that asks somebody else, until when. */
export const leases = ownSchema.table(
  'leases',
  {
    subscriber: text().notNull(),
    key: uuid().notNull(),
    holder: uuid().notNull(),
    until: moment().notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.key] }), index().on(t.holder)],
);
