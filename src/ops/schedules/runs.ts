import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { checkRuns } from './check-run.ts';

/** What a run of a schedule emits. */
export interface Emits {
  name: string;
  workspace_id: string;
  event_type: string;
  payload: Record<string, unknown>;
  key: string | null;
}

/** A run that was emitted. */
export interface Run {
  /** When it was due. RFC 3339, UTC. */
  at: string;
  event_id: string;
}

/** Stands for the moment that a run was due, in its payload. */
export const SCHEDULED_AT = '$scheduled_at';

/** The payload of the run of a moment: each text that is `$scheduled_at` is that moment. */
export const payloadAt = (payload: Emits['payload'], at: string): Emits['payload'] =>
  JSON.parse(JSON.stringify(payload), (_, value) => (value === SCHEDULED_AT ? at : value));

/**
 * Emits an event for each of these moments that has none yet, in the caller's transaction: both it
 * and the note that it was emitted are kept, or neither.
 *
 * @returns those that were emitted now
 * @throws RunMisfitError, or Postgres' error where the event is refused
 */
export async function emitRuns(tx: Transaction, emits: Emits, times: Date[]): Promise<Run[]> {
  if (times.length === 0) return [];
  const due = times.map((time) => time.toISOString());
  const rows = await tx.execute<{ at: string }>(sql`
    insert into knockon.schedule_runs as r (schedule, at)
    select ${emits.name}, at
    from unnest(${sql.param(due)}::text[]::timestamptz[]) as t (at) order by at
    on conflict (schedule, at) do update set created_at = now() where r.event_id is null
    returning at`);
  const fresh = rows.map(({ at }) => new Date(at).toISOString()).sort();
  const { event_type: type, workspace_id: workspace, key, payload } = emits;
  const events = fresh.map((at) => ({ type, workspace, key, payload: payloadAt(payload, at) }));
  await checkRuns(
    tx,
    type,
    events.map((event) => event.payload),
  );
  const emitted = await tx.execute<{ id: string }>(
    sql`select id from knockon.emit_events(${JSON.stringify(events)}::text::jsonb)`,
  );
  const runs = fresh.map((at, place) => ({ at, event_id: emitted[place]!.id }));
  await tx.execute(sql`
    update knockon.schedule_runs r set event_id = t.event_id
    from unnest(${sql.param(fresh)}::text[]::timestamptz[],
      ${sql.param(runs.map(({ event_id }) => event_id))}::uuid[]) as t (at, event_id)
    where r.schedule = ${emits.name} and r.at = t.at`);
  return runs;
}

/** Notes that these were skipped. */
export async function skipRuns(tx: Transaction, name: string, times: Date[]): Promise<void> {
  if (times.length === 0) return;
  const due = times.map((time) => time.toISOString());
  await tx.execute(sql`
    insert into knockon.schedule_runs (schedule, at)
    select ${name}, at
    from unnest(${sql.param(due)}::text[]::timestamptz[]) as t (at) order by at
    on conflict do nothing`);
}
