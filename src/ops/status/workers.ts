import type { Sql } from 'postgres';
import { errorCode } from '../../db/errors.ts';

/** A worker process, as it has last said of itself. */
export interface WorkerPresence {
  identity: string;
  kind: 'effects' | 'workflows';
  version: string;
  host: string;
  pid: number;
  /** `queue`: where it takes the calls from; a worker of before does not say. */
  effects: Record<string, { queue?: string; concurrency: number; running: number }>;
  started_at: Date;
  seen_at: Date;
  /** How far its clock is ahead of the database's, in ms; null where it has not said. */
  clock_ahead_ms: number | null;
  /** Heard of within the last thirty seconds. */
  alive: boolean;
}

/**
 * Eight digits that tell this database from every other, copies of it included. Workers bear them
 * in their names, so that strangers are known on a queue that is shared.
 *
 * @throws where Postgres is away, or the table is empty
 */
export async function readFingerprint(pg: Sql): Promise<string> {
  const fingerprint = async (cluster: ReturnType<Sql>) => {
    const [row] = await pg<{ fingerprint: string }[]>`
      select left(md5(concat_ws(' ', id, ${cluster}, (select oid from pg_database
        where datname = current_database()))), 8) as fingerprint from knockon.deployment`;
    if (!row)
      throw new Error(
        'The table `deployment` is empty: run `insert into deployment default values`.',
      );
    return row.fingerprint;
  };
  return await fingerprint(pg`(select system_identifier from pg_control_system())`).catch(
    (error) => {
      // Not every role may ask for it.
      if (errorCode(error) === '42501') return fingerprint(pg`''`);
      throw error;
    },
  );
}

/**
 * The fingerprint in an identity of a worker of ours, or of another deployment; null: it is another
 * program.
 */
export const fingerprintIn = (identity: string): string | null =>
  /^\d+@.+\.([0-9a-f]{8})\/(?:effects|workflows)$/.exec(identity)?.[1] ?? null;

/**
 * Worker processes of the last day; one that is stopped takes itself off, one that is killed is not
 * alive.
 */
export async function readWorkers(pg: Sql): Promise<WorkerPresence[]> {
  return await pg<WorkerPresence[]>`
    select identity, kind, version, host, pid, effects, started_at, seen_at, clock_ahead_ms,
      seen_at > now() - interval '30 seconds' as alive
    from knockon.workers where seen_at > now() - interval '1 day' order by identity`;
}

/**
 * Of each subscriber: events done a second over the last minute, and which part of what was tried
 * in five minutes failed.
 */
export async function readRates(
  pg: Sql,
): Promise<Map<string, { rate: number; error_rate: number }>> {
  const rows = await pg<{ subscriber: string; rate: number; error_rate: number }[]>`
    select subscriber, coalesce(sum(done) filter (where since > now() - interval '1 minute'),
      0)::float8 / 60 as rate,
      coalesce(sum(failed)::float8 / nullif(sum(done + failed), 0), 0)::float8 as error_rate
    from knockon.effect_rates where since > now() - interval '5 minutes' group by subscriber`;
  return new Map(rows.map(({ subscriber, ...rates }) => [subscriber, rates]));
}

/** Lets go of what no longer counts: workers of yesterday, and rates of more than an hour ago. */
export async function forgetWorkers(pg: Sql): Promise<void> {
  await pg`delete from knockon.workers where seen_at < now() - interval '1 day'`;
  await pg`delete from knockon.effect_rates where since < now() - interval '1 hour'`;
}
