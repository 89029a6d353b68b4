import { sql } from 'drizzle-orm';
import {
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { created, id, moment, ownSchema } from './columns.ts';

/**
 * Long work that an operator asked for. Its progress is stored here only, so the process that runs
 * it may be killed at any moment.
 */
export const operations = ownSchema.table(
  'operations',
  {
    id: id(),
    verb: text({ enum: ['retry', 'reset', 'replay', 'backfill', 'rebuild', 'retire'] }).notNull(),
    /** What was asked, as the verb reads it. */
    input: jsonb().$type<Record<string, unknown>>().notNull(),
    by: text().notNull(),
    state: text({ enum: ['running', 'paused', 'done', 'cancelled', 'failed'] })
      .notNull()
      .default('running'),
    /** Null until it has been counted. */
    total: integer(),
    done: integer().notNull().default(0),
    /** Of `done`, what there was nothing to do for. */
    skipped: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    /** Up to where it has been looked; null: from the beginning. */
    cursor: jsonb().$type<Record<string, unknown>>(),
    /** True once everything has been looked at; what was begun may still be under way. */
    exhausted: boolean().notNull().default(false),
    /** The first of what failed. */
    failures: jsonb().$type<{ subject: string; reason: string }[]>().notNull().default([]),
    /** Events per second at most; null: as fast as it goes. */
    per_second: doublePrecision(),
    /** How long it has been at work, without pauses, in ms. */
    active_ms: doublePrecision().notNull().default(0),
    /** Why it failed. */
    error: text(),
    created_at: created(),
    /** When somebody was last at it. */
    driven_at: moment(),
    /** Who that was, where there is no workflow: nobody else is, for some seconds. */
    driven_by: text(),
    finished_at: moment(),
  },
  (t) => [index('operations_open').on(t.id).where(sql`state in ('running', 'paused')`)],
);

/**
 * What an operation takes one by one and can't find again by a cursor, such as workflows to be
 * reset.
 */
export const operationItems = ownSchema.table(
  'operation_items',
  {
    operation_id: uuid()
      .notNull()
      .references(() => operations.id, { onDelete: 'cascade' }),
    subject: text().notNull(),
    done_at: moment(),
  },
  (t) => [
    primaryKey({ columns: [t.operation_id, t.subject] }),
    index('operation_items_open').on(t.operation_id, t.subject).where(sql`done_at is null`),
  ],
);

/** Dispatches that an operation has made, and whether it has counted what became of them. */
export const operationDispatches = ownSchema.table(
  'operation_dispatches',
  {
    dispatch_id: uuid().primaryKey(),
    operation_id: uuid()
      .notNull()
      .references(() => operations.id, { onDelete: 'cascade' }),
    ended_at: moment(),
  },
  (t) => [
    index('operation_dispatches_open')
      .on(t.operation_id, t.dispatch_id)
      .where(sql`ended_at is null`),
  ],
);

/**
 * The events of dispatches that were made for somebody later than the first: an event's first
 * dispatch stands in `outbox`.
 */
export const dispatchEvents = ownSchema.table(
  'dispatch_events',
  { dispatch_id: uuid().notNull(), event_id: uuid().notNull(), type: text().notNull() },
  (t) => [primaryKey({ columns: [t.dispatch_id, t.event_id] }), index().on(t.event_id)],
);

/**
 * Effects that somebody has decided won't happen. Each has a receipt beside it, so that nothing
 * brings it about.
 */
export const discards = ownSchema.table(
  'discards',
  {
    event_id: uuid().notNull(),
    subscriber: text().notNull(),
    by: text().notNull(),
    reason: text().notNull(),
    /** What the dead letter said. */
    cause: text().notNull(),
    discarded_at: created(),
  },
  (t) => [primaryKey({ columns: [t.event_id, t.subscriber] })],
);
