import { sql } from 'drizzle-orm';
import {
  doublePrecision,
  index,
  integer,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { created, moment, ownSchema } from './columns.ts';

/**
 * What one workspace may take of a subscriber at most, as operators say. Null is what says nothing:
 * then the more general limit holds.
 */
export const workspaceLimits = ownSchema.table(
  'workspace_limits',
  {
    subscriber: text().notNull(),
    /** Null: every workspace that has no limit of its own. */
    workspace_id: uuid(),
    /** Most calls at once that have events of the workspace, of all workers together. */
    concurrency: integer(),
    /** Most events a second. */
    per_second: doublePrecision(),
    changed_by: text().notNull(),
    changed_at: created(),
  },
  (t) => [unique('workspace_limits_of').on(t.subscriber, t.workspace_id).nullsNotDistinct()],
);

/** Where a workspace stands with a subscriber that limits it. */
export const workspaceTurns = ownSchema.table(
  'workspace_turns',
  {
    subscriber: text().notNull(),
    workspace_id: uuid().notNull(),
    /** Up to which moment its events have used up what it may do a second. */
    used_until: moment().notNull().default(sql`'epoch'`),
    /**
     * Up to which moment those that were put off have been told when to come again; where none
     * were, when a call asked last.
     */
    queued_until: moment().notNull().default(sql`'epoch'`),
    /** How long a call of it takes, in ms; the latest count most. Null: none has ended yet. */
    call_ms: doublePrecision(),
    /**
     * When to look whether nobody asks any more, and it may be deleted. An index of the other
     * moments would be written to by every call.
     */
    look_at: moment().notNull().default(sql`now() + interval '1 day'`),
  },
  (t) => [
    primaryKey({ columns: [t.subscriber, t.workspace_id] }),
    index('workspace_turns_look').on(t.look_at),
  ],
);

/** The calls under way that have events of a limited workspace. */
export const workspaceCalls = ownSchema.table(
  'workspace_calls',
  {
    subscriber: text().notNull(),
    workspace_id: uuid().notNull(),
    /** Of this attempt. */
    token: uuid().notNull(),
    /** Which call it is, whatever attempt: the next one takes the place of one that was killed. */
    call: text().notNull(),
    /** It has ended by then, even if nobody has said so. */
    until: moment().notNull(),
  },
  (t) => [primaryKey({ columns: [t.subscriber, t.workspace_id, t.token] })],
);

/**
 * Queues of effects that declare a limit, where no server keeps it: up to when rate slots are
 * reserved.
 */
export const queueTurns = ownSchema.table('queue_turns', {
  task_queue: text().primaryKey(),
  reserved_until: moment().notNull(),
});
