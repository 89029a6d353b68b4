import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  jsonb,
  primaryKey,
  smallint,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { created, id, moment, ownSchema } from './columns.ts';

/**
 * The log. Rows are written once and never changed: what becomes of an event stands in `outbox` and
 * `receipts`.
 */
export const events = ownSchema.table(
  'events',
  {
    id: uuid().primaryKey(),
    type: text().notNull(),
    version: smallint().notNull(),
    workspace_id: uuid().notNull(),
    channel_id: uuid(),
    message_id: uuid(),
    /** What its `seq` counts in: its channel's id, or the id of its key's row in `sequences`. */
    sequence_id: uuid(),
    /** The key it was emitted with; null in a channel, which is the key there. */
    key: text(),
    seq: bigint({ mode: 'number' }),
    timestamp: moment().notNull(),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
    /** When it was due, where it had been scheduled. */
    deliver_at: moment(),
  },
  (t) => [
    index().on(t.workspace_id, t.id),
    unique().on(t.sequence_id, t.seq),
    index().on(t.message_id, t.id),
    // What is rare is found without reading what is common; that has no index more to write.
    index('events_uncommon').on(t.type, t.id).where(sql`type <> 'message.created'`),
  ],
);

/**
 * Events that are for later. Once due, an event moves to `events` and `outbox` and takes its `seq`
 * there. Until then nothing but this table knows it, so that a million cost a dispatcher nothing.
 */
export const scheduled = ownSchema.table(
  'scheduled',
  {
    id: uuid().primaryKey(),
    type: text().notNull(),
    version: smallint().notNull(),
    workspace_id: uuid().notNull(),
    channel_id: uuid(),
    message_id: uuid(),
    sequence_id: uuid(),
    key: text(),
    timestamp: moment().notNull(),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
    unchecked: boolean(),
    deliver_at: moment().notNull(),
    /** Among those of one moment the order in which they were emitted. */
    place: bigint({ mode: 'number' }).generatedAlwaysAsIdentity(),
    /** It is not to happen: it stays here, and is not dispatched. */
    cancelled_at: moment(),
  },
  (t) => [
    index('scheduled_next').on(t.deliver_at, t.place).where(sql`cancelled_at is null`),
    index('scheduled_of_workspace')
      .on(t.workspace_id, t.deliver_at, t.id)
      .where(sql`cancelled_at is null`),
    // Said in another way, so that no planner takes another index for what asks by it.
    index('scheduled_turns')
      .on(t.workspace_id, t.deliver_at, t.place)
      .where(sql`coalesce(cancelled_at, 'infinity') = 'infinity'`),
    index().on(t.workspace_id, t.id),
    index().on(t.sequence_id, t.id),
    index().on(t.type, t.id),
    index().on(t.message_id).where(sql`message_id is not null`),
    index('scheduled_cancelled').on(t.cancelled_at).where(sql`cancelled_at is not null`),
  ],
);

/**
 * The log as it is shown: `events`, and those that are scheduled or were cancelled. What is done
 * because of events reads `events` alone.
 */
export const shownEvents = ownSchema
  .view('shown_events', {
    id: uuid().notNull(),
    type: text().notNull(),
    version: smallint().notNull(),
    workspace_id: uuid().notNull(),
    channel_id: uuid(),
    message_id: uuid(),
    sequence_id: uuid(),
    key: text(),
    seq: bigint({ mode: 'number' }),
    timestamp: moment().notNull(),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
    deliver_at: moment(),
    cancelled_at: moment(),
    /** It is scheduled. */
    waits: boolean().notNull(),
  })
  .existing();

/** Where each key's `seq` stands. A channel has its own in its row. */
export const sequences = ownSchema.table(
  'sequences',
  {
    id: id(),
    workspace_id: uuid().notNull(),
    key: text().notNull(),
    /** The newest event's `seq`; -1 before the first. */
    last_seq: bigint({ mode: 'number' }).notNull().default(-1),
  },
  (t) => [unique().on(t.workspace_id, t.key)],
);

/** What may be emitted. Each change of a type's schema is a row of its own, a version further. */
export const eventTypes = ownSchema.table(
  'event_types',
  {
    name: text().notNull(),
    version: smallint().notNull(),
    description: text().notNull().default(''),
    /** JSON Schema 2020-12 of the payload. */
    schema: jsonb().$type<Record<string, unknown>>().notNull(),
    examples: jsonb().$type<Record<string, unknown>[]>().notNull().default([]),
    /** Whether a process declared it when it started, or somebody by the API. */
    source: text({ enum: ['code', 'api'] }).notNull(),
    created_at: created(),
  },
  (t) => [primaryKey({ columns: [t.name, t.version] })],
);
