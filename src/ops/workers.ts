import type { Sql } from 'postgres';

/** A worker process, as it has last said of itself. */
export interface Beat {
  identity: string;
  kind: 'effects' | 'workflows';
  version: string;
  host: string;
  pid: number;
  effects: Record<string, { concurrency: number; running: number }>;
  started_at: Date;
  seen_at: Date;
  /** How far its clock is ahead of the database's, in ms; null where it has not said. */
  clock_ahead_ms: number | null;
  /** Heard of within the last thirty seconds. */
  alive: boolean;
}

/** Worker processes of the last day; one that is stopped takes itself off, one that is killed is not alive. */
export async function readWorkers(sql: Sql): Promise<Beat[]> {
  return await sql<Beat[]>`
    select identity, kind, version, host, pid, effects, started_at, seen_at, clock_ahead_ms, seen_at > now() - interval '30 seconds' as alive
    from workers where seen_at > now() - interval '1 day' order by identity`;
}

/** Of each subscriber: events done a second over the last minute, and which part of what was tried in five minutes failed. */
export async function readRates(sql: Sql): Promise<Map<string, { rate: number; error_rate: number }>> {
  const rows = await sql<{ subscriber: string; rate: number; error_rate: number }[]>`
    select subscriber, coalesce(sum(done) filter (where since > now() - interval '1 minute'), 0)::float8 / 60 as rate,
      coalesce(sum(failed)::float8 / nullif(sum(done + failed), 0), 0)::float8 as error_rate
    from effect_rates where since > now() - interval '5 minutes' group by subscriber`;
  return new Map(rows.map(({ subscriber, ...rates }) => [subscriber, rates]));
}

/** Lets go of what no longer counts: workers of yesterday, and rates of more than an hour ago. */
export async function forgetWorkers(sql: Sql): Promise<void> {
  await sql`delete from workers where seen_at < now() - interval '1 day'`;
  await sql`delete from effect_rates where since < now() - interval '1 hour'`;
}
