import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Database, Transaction } from '../../db/client.ts';
import { isDatabaseAway, isLockTimeout } from '../../db/errors.ts';
import type { schedules } from '../../db/schema/schedules.ts';
import { safeReason } from '../../safe-error.ts';
import { firstAfter, timesBetween } from './cron.ts';
import { isOpen } from './overlap.ts';
import { emitRuns, skipRuns } from './runs.ts';

/** Runs that one transaction emits, and schedules that one pass looks at. */
const MOST = { runs: 100, schedules: 1000 };

/** How long a run that could not be emitted waits, in ms; and how long for a key in use, in ms. */
const WAIT = { again: 10_000, lock: 2000 };

/** How long runs are remembered. Older ones can't be backfilled. */
export const RUNS_KEPT_DAYS = 90;

type Row = typeof schedules.$inferSelect;

/** A schedule whose next run is due. Times are read as text. */
interface Due extends Omit<Row, 'next_at'> {
  next_at: string;
  now: string;
}

/** What is to become of the runs that are due. */
interface Plan {
  times: Date[];
  next: Date;
  /** Runs in between were due too long ago. */
  missed: { from: Date; to: Date } | null;
}

/**
 * Emits what schedules have due, by Postgres' clock. Any number of processes may do so at once. A
 * run and the step to the next one are one transaction, so each run is emitted once.
 *
 * @throws Postgres' error where the database is away
 */
export async function emitDue({ db }: Database, log: Pick<Logger, 'warn'>): Promise<void> {
  for (let looked = 0; looked < MOST.schedules; looked++) if (!(await emitNext(db, log))) return;
}

/** @returns false where nothing is due */
async function emitNext(db: Database['db'], log: Pick<Logger, 'warn'>): Promise<boolean> {
  let name: string | undefined;
  try {
    return await db.transaction(async (tx) => {
      const due = await lockDue(tx);
      name = due?.name;
      const missed = due && (await emitRunsOf(tx, due));
      if (missed) log.warn({ schedule: name, ...missed }, 'runs of a schedule were missed');
      return due !== undefined;
    });
  } catch (error) {
    if (name === undefined || (isDatabaseAway(error) && !isLockTimeout(error))) throw error;
    log.warn({ schedule: name, err: error }, 'could not emit what a schedule has due');
    await db.execute(sql`update knockon.schedules set last_error = ${safeReason(error)},
      retry_at = now() + ${WAIT.again} * interval '1 ms' where name = ${name}`);
    return true;
  }
}

async function lockDue(tx: Transaction): Promise<Due | undefined> {
  const [due] = await tx.execute<Due & Record<string, unknown>>(sql`
    select s.*, now() from knockon.schedules s
    where paused_at is null and next_at <= now() and coalesce(retry_at, '-infinity') <= now()
    order by next_at limit 1 for update skip locked`);
  return due;
}

/** @returns what was missed */
async function emitRunsOf(tx: Transaction, due: Due): Promise<Plan['missed']> {
  await tx.execute(sql`select set_config('lock_timeout', ${String(WAIT.lock)}, true)`);
  const { times, next, missed } = plan(due);
  if (due.overlap === 'allow') await emitRuns(tx, due, times);
  else await emitOne(tx, due, times, next > new Date(due.now));
  await tx.execute(sql`
    update knockon.schedules set next_at = ${next.toISOString()}, last_error = null,
      retry_at = null, missed_from = coalesce(${missed?.from.toISOString() ?? null}, missed_from),
      missed_to = coalesce(${missed?.to.toISOString() ?? null}, missed_to)
    where name = ${due.name}`);
  await tx.execute(sql`delete from knockon.schedule_runs where schedule = ${due.name}
    and at < now() - ${RUNS_KEPT_DAYS} * interval '1 day'`);
  return missed;
}

/**
 * One event of it is open at a time: of what is due the newest run, or none.
 *
 * @param isLast whether no later run is due
 */
async function emitOne(tx: Transaction, due: Due, times: Date[], isLast: boolean): Promise<void> {
  const emitted = isLast && !(await isOpen(tx, due.name)) ? times.slice(-1) : [];
  await skipRuns(tx, due.name, times.slice(0, times.length - emitted.length));
  await emitRuns(tx, due, emitted);
}

function plan(due: Due): Plan {
  const [now, nextAt] = [new Date(due.now), new Date(due.next_at)];
  const oldest = new Date(now.getTime() - due.catch_up_seconds * 1000);
  const isLate = nextAt < oldest;
  const times = timesBetween(due, isLate ? oldest : nextAt, now, MOST.runs);
  const done = times.length < MOST.runs ? now : times.at(-1)!;
  return {
    times,
    next: firstAfter(due, done),
    missed: isLate ? { from: nextAt, to: oldest } : null,
  };
}
