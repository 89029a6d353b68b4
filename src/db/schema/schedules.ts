import { sql } from 'drizzle-orm';
import { index, integer, jsonb, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { created, moment, ownSchema } from './columns.ts';
import { workspaces } from './workspaces.ts';

/** What is emitted again and again, and when. */
export const schedules = ownSchema.table(
  'schedules',
  {
    name: text().primaryKey(),
    /** Whose events they are. */
    workspace_id: uuid()
      .notNull()
      .references(() => workspaces.id),
    cron: text().notNull(),
    /** IANA name of the zone that `cron` is read in. */
    zone: text().notNull(),
    event_type: text().notNull(),
    payload: jsonb().$type<Record<string, unknown>>().notNull(),
    key: text(),
    /** How late a run may be emitted; what is later is missed. */
    catch_up_seconds: integer().notNull(),
    /** What becomes of a run while the one before is still open. */
    overlap: text({ enum: ['allow', 'skip'] }).notNull(),
    /** The next run, by its cron. It is not moved while it is paused. */
    next_at: moment().notNull(),
    paused_at: moment(),
    paused_by: text(),
    pause_reason: text(),
    /** The newest runs that nobody emitted in time were in between these. */
    missed_from: moment(),
    missed_to: moment(),
    /** Why it could not be emitted the last time, and when that is tried again. */
    last_error: text(),
    retry_at: moment(),
    created_at: created(),
    changed_at: created(),
  },
  (t) => [index('schedules_active').on(t.next_at).where(sql`paused_at is null`)],
);

/**
 * Runs of schedules, by the moment that they were due. One row each, so that none is emitted twice.
 */
export const scheduleRuns = ownSchema.table(
  'schedule_runs',
  {
    schedule: text()
      .notNull()
      .references(() => schedules.name, { onDelete: 'cascade' }),
    at: moment().notNull(),
    /** Null: it was skipped, as the one before was open. */
    event_id: uuid(),
    created_at: created(),
  },
  (t) => [primaryKey({ columns: [t.schedule, t.at] })],
);
