import {
  doublePrecision,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, created, id, moment, ownSchema } from './columns.ts';

/**
 * People and programs that may operate, each with a key of its own. `viewer` reads, `operator`
 * acts. Only the key's hash is kept.
 */
export const operators = ownSchema.table('operators', {
  id: id(),
  name: text().notNull().unique(),
  role: text({ enum: ['viewer', 'operator'] }).notNull(),
  prefix: text().notNull(),
  hash: bytea().notNull().unique(),
  created_at: created(),
});

/**
 * Who is signed in to the console. The browser has the id sealed, so nobody who reads this table
 * can be somebody else.
 */
export const sessions = ownSchema.table('sessions', {
  id: id(),
  /** Null: signed in with KNOCKON_ADMIN_KEY. Deleting an operator signs them out. */
  operator_id: uuid().references(() => operators.id, { onDelete: 'cascade' }),
  created_at: created(),
  expires_at: moment().notNull(),
});

/** Who did what, when and why. Written in the transaction of what was done, and never changed. */
export const actions = ownSchema.table(
  'action_log',
  {
    id: id(),
    at: created(),
    /**
     * An operator's name; `operator` for KNOCKON_ADMIN_KEY, `knockon` for what happens by itself.
     */
    by: text().notNull(),
    verb: text().notNull(),
    /** What it was done to, such as a subscriber's name or an operation's id. */
    subject: text().notNull(),
    detail: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    reason: text(),
  },
  (t) => [index().on(t.subject, t.id)],
);

/**
 * What operators want of a subscriber's queue. Temporal's configuration follows it and may be lost;
 * this is what it is made again from. A row stays once there was one, so that what Temporal still
 * has is taken back.
 */
export const controls = ownSchema.table('controls', {
  subscriber: text().primaryKey(),
  /** Null: not paused. */
  paused_at: moment(),
  paused_by: text(),
  pause_reason: text(),
  /** When it resumes by itself; null: when somebody says so. */
  paused_until: moment(),
  /** Most events a second; null: any number. */
  per_second: doublePrecision(),
  limited_by: text(),
  limited_at: moment(),
  changed_at: created(),
});

/** Processes that host effects or workflows, as they say of themselves every few seconds. */
export const workers = ownSchema.table('workers', {
  /**
   * As it is to the transport too: `<pid>@<host>.<mark>/<kind>`, where eight digits tell its
   * database from others.
   */
  identity: text().primaryKey(),
  kind: text({ enum: ['effects', 'workflows'] }).notNull(),
  version: text().notNull(),
  host: text().notNull(),
  pid: integer().notNull(),
  /**
   * Each effect it hosts: its queue, how many calls it makes at once, and how many are under way.
   */
  effects: jsonb()
    .$type<Record<string, { queue?: string; concurrency: number; running: number }>>()
    .notNull()
    .default({}),
  started_at: created(),
  seen_at: created(),
  /** How far its clock is ahead of the database's, in ms; null where it has not said. */
  clock_ahead_ms: doublePrecision(),
});

/** What workers have got done, in slices of ten seconds; kept for an hour. */
export const effectRates = ownSchema.table(
  'effect_rates',
  {
    subscriber: text().notNull(),
    since: moment().notNull(),
    done: integer().notNull(),
    failed: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.since] })],
);

/**
 * How everything was, for the console's charts: at three resolutions, each kept for so long that
 * the rows stay few. One process writes them. The row without a subscriber is of messages: how many
 * a second, and the age of the oldest event that was not dispatched.
 */
export const samples = ownSchema.table(
  'samples',
  {
    /** The resolution: how many seconds a row stands for. */
    every: integer().notNull(),
    /** When these seconds begin. */
    at: moment().notNull(),
    /** `''`: messages. */
    subscriber: text().notNull(),
    /** How many looks are in it. */
    looks: integer().notNull(),
    /** Done a second; the mean of the looks. */
    rate: doublePrecision().notNull(),
    /** Of what was tried, which part failed: 0 to 1; the mean. */
    error_rate: doublePrecision().notNull(),
    /** The most of the looks, so that no peak is lost; so below. */
    backlog: integer().notNull(),
    backlog_age_seconds: doublePrecision().notNull(),
    dead_letters: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.every, t.at, t.subscriber] })],
);
