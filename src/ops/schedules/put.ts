import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { schedules } from '../../db/schema/schedules.ts';
import type { Issue } from '../../events/index.ts';
import { recordAction } from '../access/action-log.ts';
import { firstAfter, refusedZone } from './cron.ts';
import { refusedCron } from './cron-fields.ts';
import { payloadAt } from './runs.ts';

/** Thrown where there is no schedule of that name. */
export class ScheduleUnknownError extends Error {
  override name = 'ScheduleUnknownError';
}

/** What is to be emitted, and when. */
export interface ScheduleGiven {
  name: string;
  workspace_id: string;
  cron: string;
  zone: string;
  event_type: string;
  payload: Record<string, unknown>;
  key: string | null;
  catch_up_seconds: number;
  overlap: 'allow' | 'skip';
}

/** What came of it. `differs`: what the schedule of that name has otherwise. */
export type PutSchedule =
  | { state: 'made' | 'changed' | 'unchanged' }
  | { state: 'refused'; issues: Issue[] }
  | { state: 'no workspace' }
  | { state: 'taken'; differs: string[] };

/**
 * Makes a schedule, or changes one. Its first run is the first one that is due from now on. The
 * same once more changes nothing.
 *
 * @param options.replace whether one of that name that says something else is changed
 * @throws ScheduleUnknownError where it is deleted at the same moment
 */
export async function putSchedule(
  { db }: Database,
  given: ScheduleGiven,
  { by, replace }: { by: string; replace: boolean },
): Promise<PutSchedule> {
  const issues = issuesOf(given);
  if (issues.length > 0) return { state: 'refused', issues };
  return await db.transaction(async (tx) => {
    const refused = await refusedEvent(tx, given);
    if (refused?.path === 'workspace_id') return { state: 'no workspace' };
    if (refused) return { state: 'refused', issues: [refused] };
    const made = await insert(tx, given);
    const now = made ? undefined : await lock(tx, given.name);
    const differs = now ? differences(now, given) : [];
    if (now && differs.length === 0) return { state: 'unchanged' };
    if (now && !replace) return { state: 'taken', differs };
    if (now) await change(tx, given, now);
    const detail = now ? { changed: differs } : { event_type: given.event_type, cron: given.cron };
    await recordAction(tx, { by, verb: 'set schedule', subject: given.name, detail });
    return { state: now ? 'changed' : 'made' };
  });
}

export const SCHEDULE_NAME = /^[a-z][a-z0-9_-]{0,62}$/;

function issuesOf({ name, cron, zone }: ScheduleGiven): Issue[] {
  const refused = {
    name: SCHEDULE_NAME.test(name)
      ? undefined
      : 'must be a lower-case letter, then up to 62 of a-z, 0-9, _ and -',
    cron: refusedCron(cron),
    zone: refusedZone(zone),
  };
  return Object.entries(refused).flatMap(([path, message]) => (message ? [{ path, message }] : []));
}

/** Why the log would refuse an event of it. The last code says that nothing is wrong. */
async function refusedEvent(tx: Transaction, given: ScheduleGiven): Promise<Issue | undefined> {
  const { event_type, workspace_id, payload, key } = given;
  const json = JSON.stringify(payloadAt(payload, new Date().toISOString()));
  const [row] = await tx.execute<{ code: string; problem: string }>(sql`
    select code, problem from knockon.why_refused(${event_type}, ${workspace_id}::uuid,
      ${json}::text::jsonb, null, null, ${key}, null, null, null)`);
  if (!row || row.code === 'KN005') return undefined;
  const path = { KN001: 'event_type', KN003: 'workspace_id', KN004: 'payload' }[row.code] ?? 'key';
  return { path, message: row.problem };
}

type Row = typeof schedules.$inferSelect;

const differences = (now: Row, given: ScheduleGiven): string[] =>
  Object.entries(given).flatMap(([field, value]) =>
    isDeepStrictEqual(now[field as keyof ScheduleGiven], value) ? [] : [field],
  );

/** @returns false where there is one of that name */
async function insert(tx: Transaction, given: ScheduleGiven): Promise<boolean> {
  const next_at = firstAfter(given, await databaseNow(tx));
  const made = await tx
    .insert(schedules)
    .values({ ...given, next_at })
    .onConflictDoNothing()
    .returning({ name: schedules.name });
  return made.length > 0;
}

/** Its next run stays what it was where its timetable does. */
async function change(tx: Transaction, given: ScheduleGiven, now: Row): Promise<void> {
  const isSame = now.cron === given.cron && now.zone === given.zone;
  const next_at = isSame ? now.next_at : firstAfter(given, await databaseNow(tx));
  const set = { ...given, next_at, last_error: null, retry_at: null, changed_at: sql`now()` };
  await tx.update(schedules).set(set).where(eq(schedules.name, given.name));
}

/** @throws ScheduleUnknownError */
export async function lock(tx: Transaction, name: string): Promise<Row> {
  const [row] = await tx.select().from(schedules).where(eq(schedules.name, name)).for('update');
  if (!row) throw new ScheduleUnknownError(name);
  return row;
}

/** By whose clock schedules run. */
export async function databaseNow(tx: Transaction): Promise<Date> {
  const [row] = await tx.execute<{ now: string }>(sql`select now()`);
  return new Date(row!.now);
}
