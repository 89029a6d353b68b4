import { sql } from 'drizzle-orm';
import { bigint, index, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { moment, ownSchema } from './columns.ts';

/** Longest that an event may wait for others, in ms. */
export const LONGEST_DEBOUNCE = 24 * 3_600_000;

/** Longest that the oldest one waits where it is not said, in ms. */
export const mostOf = (wait_ms: number): number => Math.min(10 * wait_ms, LONGEST_DEBOUNCE);

/** How far a debounced effect has come with a key: what waits, and what was done last. */
export const debounces = ownSchema.table(
  'debounces',
  {
    subscriber: text().notNull(),
    workspace_id: uuid().notNull(),
    key: text().notNull(),
    /** Of the oldest event that waits; null: none does. */
    began_at: moment(),
    /** When the effect was first called for what waits. */
    seen_at: moment(),
    /** The newest that waits. */
    newest_id: uuid(),
    newest_seq: bigint({ mode: 'number' }),
    newest_at: moment(),
    /** The last that the effect was called with. It stands for those before it. */
    called_id: uuid(),
    called_seq: bigint({ mode: 'number' }),
    /** When to look whether it is over, and may be deleted. */
    look_at: moment().notNull().default(sql`now() + interval '1 day'`),
  },
  (t) => [
    primaryKey({ columns: [t.subscriber, t.workspace_id, t.key] }),
    index('debounces_look').on(t.look_at),
  ],
);

/** Effects that did not happen by themselves: a later event of the key stands for this one. */
export const merges = ownSchema.table(
  'merges',
  {
    event_id: uuid().notNull(),
    subscriber: text().notNull(),
    merged_into: uuid().notNull(),
  },
  (t) => [primaryKey({ columns: [t.event_id, t.subscriber] })],
);
