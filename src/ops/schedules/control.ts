import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { schedules } from '../../db/schema/schedules.ts';
import { type Action, recordAction } from '../access/action-log.ts';
import { firstAfter, timesBetween } from './cron.ts';
import { RUNS_KEPT_DAYS } from './emit-due.ts';
import { databaseNow, lock } from './put.ts';
import { emitRuns, type Run } from './runs.ts';

/** Thrown where a backfill asks for what can't be done; `path` says which field. */
export class BackfillError extends Error {
  override name = 'BackfillError';
  readonly path: 'from' | 'to';

  constructor(path: BackfillError['path'], message: string) {
    super(message);
    this.path = path;
  }
}

/** Most runs that a backfill emits at once. */
export const MOST_BACKFILLED = 500;

interface Which {
  name: string;
  by: string;
}

type Row = typeof schedules.$inferSelect;

/** Does it with the schedule locked, so that no run is emitted meanwhile. */
async function locked<T>(
  tx: Transaction,
  { name, by }: Which,
  verb: Action['verb'],
  work: (schedule: Row) => Promise<{ result: T; log?: Partial<Action> }>,
): Promise<T> {
  const { result, log } = await work(await lock(tx, name));
  await recordAction(tx, { by, verb, subject: name, ...log });
  return result;
}

const change = (tx: Transaction, name: string, set: Record<string, unknown>) =>
  tx.update(schedules).set(set).where(eq(schedules.name, name));

/**
 * Emits nothing of it until it is resumed. Paused once more, the reason changes.
 *
 * @throws ScheduleUnknownError
 */
export const pauseSchedule = (
  tx: Transaction,
  { reason, ...which }: Which & { reason: string },
): Promise<void> =>
  locked(tx, which, 'pause schedule', async ({ name, paused_at }) => {
    await change(tx, name, {
      paused_at: paused_at ?? sql`now()`,
      paused_by: which.by,
      pause_reason: reason,
    });
    return { result: undefined, log: { reason } };
  });

/**
 * Goes on with the first run from now on: those in between are skipped.
 *
 * @throws ScheduleUnknownError
 */
export const resumeSchedule = (tx: Transaction, which: Which): Promise<void> =>
  locked(tx, which, 'resume schedule', async (row) => {
    const paused = { paused_at: null, paused_by: null, pause_reason: null };
    if (row.paused_at) {
      const next_at = firstAfter(row, await databaseNow(tx));
      await change(tx, row.name, { ...paused, next_at, last_error: null, retry_at: null });
    }
    return { result: undefined };
  });

/** Forgets it and its runs; its events stay. @throws ScheduleUnknownError */
export const deleteSchedule = (tx: Transaction, which: Which): Promise<void> =>
  locked(tx, which, 'delete schedule', async ({ name, cron, event_type }) => {
    await tx.delete(schedules).where(eq(schedules.name, name));
    return { result: undefined, log: { detail: { cron, event_type } } };
  });

/**
 * Emits a run at once, also while it is paused.
 *
 * @throws ScheduleUnknownError, RunMisfitError, Postgres' error
 */
export const triggerSchedule = (tx: Transaction, which: Which): Promise<Run> =>
  locked(tx, which, 'trigger schedule', async (row) => {
    const run = await emitFreeRun(tx, row, await databaseNow(tx));
    return { result: run, log: { detail: { event_id: run.event_id } } };
  });

/** A run of that millisecond, or of the next one that has none: two may be triggered at once. */
async function emitFreeRun(tx: Transaction, row: Row, at: Date): Promise<Run> {
  const [run] = await emitRuns(tx, row, [at]);
  return run ?? (await emitFreeRun(tx, row, new Date(at.getTime() + 1)));
}

/**
 * Emits the runs that were due from one moment to another, both included, and were not emitted.
 * Called again it emits nothing twice.
 *
 * @returns what was emitted, and how many were due
 * @throws ScheduleUnknownError, BackfillError, RunMisfitError, Postgres' error
 */
export const backfillSchedule = (
  tx: Transaction,
  { from, to, ...which }: Which & { from: Date; to?: Date | undefined },
): Promise<{ due: number; emitted: Run[] }> =>
  locked(tx, which, 'backfill schedule', async (row) => {
    const now = await databaseNow(tx);
    const until = to ?? now;
    refuse(from, until, now);
    const times = timesBetween(row, from, until, MOST_BACKFILLED + 1);
    if (times.length > MOST_BACKFILLED) {
      const last = times[MOST_BACKFILLED - 1]!.toISOString();
      throw new BackfillError(
        'to',
        `is after more than ${MOST_BACKFILLED} runs, the most at once: backfill up to ${last} ` +
          'first',
      );
    }
    const emitted = await emitRuns(tx, row, times);
    await change(tx, row.name, missedAfter(row, from, until));
    const detail = { from: from.toISOString(), to: until.toISOString(), emitted: emitted.length };
    return { result: { due: times.length, emitted }, log: { detail } };
  });

/** What is still missed once a backfill has emitted what was due in its time. */
function missedAfter(
  { missed_from, missed_to }: Row,
  from: Date,
  to: Date,
): Pick<Row, 'missed_from' | 'missed_to'> {
  if (!(missed_from && missed_to) || from > missed_from || to < missed_from)
    return { missed_from, missed_to };
  if (to >= missed_to) return { missed_from: null, missed_to: null };
  return { missed_from: new Date(to.getTime() + 1), missed_to };
}

/** @throws BackfillError */
function refuse(from: Date, to: Date, now: Date): void {
  if (to > now)
    throw new BackfillError(
      'to',
      'must not be in the future: later runs are emitted when they are due',
    );
  if (from > to) throw new BackfillError('from', 'must not be after `to`');
  const oldest = now.getTime() - RUNS_KEPT_DAYS * 86_400_000;
  if (from.getTime() < oldest)
    throw new BackfillError(
      'from',
      `must be in the last ${RUNS_KEPT_DAYS} days: older runs are not remembered`,
    );
}
