import type { Sql } from 'postgres';
import { firstOf, timesFrom } from './cron.ts';

/** A schedule, as it is shown. Times are RFC 3339, UTC. */
export interface ScheduleView {
  name: string;
  workspace_id: string;
  workspace_name: string;
  cron: string;
  zone: string;
  event_type: string;
  payload: Record<string, unknown>;
  key: string | null;
  catch_up_seconds: number;
  overlap: 'allow' | 'skip';
  state: 'active' | 'paused';
  paused: { by: string; reason: string | null; at: string } | null;
  /** Null while it is paused. */
  next_at: string | null;
  last_run: ScheduleRun | null;
  /** Runs that nobody emitted in time were due in between; null: none were. */
  missed: { from: string; to: string } | null;
  /** Why the run that is due could not be emitted; it is tried again. Null: nothing is wrong. */
  last_error: string | null;
  created_at: string;
  changed_at: string;
}

/** A run of a schedule. */
export interface ScheduleRun {
  /** When it was due. */
  at: string;
  /** Null: it was skipped, as the one before was open. */
  event_id: string | null;
}

/** A schedule with what is to come and what was. */
export interface ScheduleInFull extends ScheduleView {
  /** When it runs next, if nobody pauses it; ten at most. */
  next: string[];
  /** The newest first; twenty at most. */
  runs: ScheduleRun[];
}

const NEXT = 10;
const RUNS = 20;

const utc = (pg: Sql, column: string) =>
  pg`to_char(${pg(column)} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const read = (pg: Sql) => pg`
  select s.name, s.workspace_id, w.name as workspace_name, s.cron, s.zone, s.event_type, s.payload,
    s.key, s.catch_up_seconds, s.overlap,
    case when s.paused_at is null then 'active' else 'paused' end as state,
    case when s.paused_at is not null then jsonb_build_object('by', s.paused_by, 'reason',
      s.pause_reason, 'at', ${utc(pg, 's.paused_at')}) end as paused,
    case when s.paused_at is null then ${utc(pg, 's.next_at')} end as next_at,
    r.last_run, s.last_error,
    case when s.missed_from is not null then jsonb_build_object('from',
      ${utc(pg, 's.missed_from')}, 'to', ${utc(pg, 's.missed_to')}) end as missed,
    ${utc(pg, 's.created_at')} as created_at, ${utc(pg, 's.changed_at')} as changed_at
  from knockon.schedules s join knockon.workspaces w on w.id = s.workspace_id
    left join lateral (
      select jsonb_build_object('at', ${utc(pg, 'at')}, 'event_id', event_id) as last_run
      from knockon.schedule_runs where schedule = s.name order by at desc limit 1
    ) r on true`;

/** Schedules by name. @param after the last name seen */
export async function listSchedules(
  pg: Sql,
  { workspace, after, limit }: { workspace?: string; after?: string; limit: number },
): Promise<ScheduleView[]> {
  return await pg<ScheduleView[]>`${read(pg)}
    where (${workspace ?? null}::uuid is null or s.workspace_id = ${workspace ?? null})
      and (${after ?? null}::text is null or s.name > ${after ?? null})
    order by s.name limit ${limit}`;
}

/** @returns undefined where there is none of that name */
export async function readSchedule(pg: Sql, name: string): Promise<ScheduleInFull | undefined> {
  const [schedule] = await pg<ScheduleView[]>`${read(pg)} where s.name = ${name}`;
  if (!schedule) return undefined;
  const runs = await pg<ScheduleRun[]>`
    select ${utc(pg, 'at')} as at, event_id from knockon.schedule_runs
    where schedule = ${name} order by knockon.schedule_runs.at desc limit ${RUNS}`;
  const from = schedule.next_at === null ? new Date() : new Date(schedule.next_at);
  const next = firstOf(timesFrom(schedule, from), NEXT).map((time) => time.toISOString());
  return { ...schedule, next, runs: [...runs] };
}
