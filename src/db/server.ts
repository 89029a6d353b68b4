import type { Sql } from 'postgres';
import { databaseTrouble, errorCode } from './errors.ts';

/** The oldest Postgres that Knock-on works with, as `server_version_num`. */
const OLDEST = 150_000;

/** Thrown where the server is too old, or the pooler before it allows no transactions. */
export class UnsupportedPostgresError extends Error {
  override name = 'UnsupportedPostgresError';
}

/** What answers at a URL. */
export interface Server {
  /** Its `server_version_num`, such as 170010. */
  version: number;
  /**
   * Whether a pooler is in between, such as pgbouncer: then a session may be another's with the
   * next transaction.
   */
  pooled: boolean;
  /**
   * Whether statements can be prepared by name: not by way of a pooler that doesn't know of them.
   */
  prepares: boolean;
}

/**
 * Asks by a connection that has made no demands. A pooler shows by the process that it names at the
 * beginning, which is not the one that answers; whether it knows of prepared statements by the name
 * that Postgres has for the one that asks.
 *
 * @throws UnsupportedPostgresError
 */
export async function askServer(pg: Sql): Promise<Server> {
  const asked = await pg<
    { number: number; version: string; pid: number; prepared: string | null }[]
  >`
    select current_setting('server_version_num')::int as number,
      current_setting('server_version') as version, pg_backend_pid() as pid,
      (select string_agg(name, ' ') from pg_prepared_statements) as prepared`;
  const { number = 0, version = 'unknown', pid, prepared } = asked[0] ?? {};
  if (number < OLDEST)
    throw new UnsupportedPostgresError(
      `DATABASE_URL leads to PostgreSQL ${version}, which is too old: Knock-on works with 15, ` +
        '16, 17 and 18. Upgrade the server ' +
        '(https://www.postgresql.org/docs/current/upgrading.html).',
    );
  const { state, statement } = asked as unknown as {
    state: { pid: number };
    statement: { name: string };
  };
  const pooled = state.pid !== pid;
  const names = prepared?.split(' ') ?? [];
  return {
    version: number,
    pooled,
    prepares:
      !pooled || (statement.name !== '' && names.length > 0 && !names.includes(statement.name)),
  };
}

/**
 * The same, by a client of one connection that nobody else uses.
 *
 * @throws UnsupportedPostgresError also where a pooler allows no transactions
 */
export async function meetServer(pg: Sql): Promise<Server> {
  const server = await askServer(pg);
  if (server.pooled) await refuseStatementMode(pg);
  return server;
}

/**
 * A pooler in statement mode hangs up where a transaction begins. Why it did, postgres.js tells
 * with the client's next statement.
 */
async function refuseStatementMode(pg: Sql): Promise<void> {
  try {
    await pg.begin((tx) => tx`select 1`).catch(() => pg`select 1`);
  } catch (error) {
    if (errorCode(error) !== '08P01') throw error;
    throw new UnsupportedPostgresError(
      'DATABASE_URL leads through a pooler in statement mode: Knock-on needs transactions. ' +
        'Set its pool_mode to transaction or session.',
    );
  }
}

/**
 * Asks as who writes does, and changes nothing: a standby answers what is only read. A session that
 * stays read-only is replaced.
 *
 * @returns what is wrong where the database takes no writes or is not ours, or null
 * @throws where it does not answer
 */
export async function askToWrite(pg: Sql): Promise<string | null> {
  try {
    await pg`select from knockon.subscribers limit 0 for update`;
    return null;
  } catch (error) {
    const trouble = databaseTrouble(error);
    if (trouble) return `${trouble.problem}. ${trouble.remedy}`;
    throw error;
  }
}

/** The time of the database's clock, in ms since 1970. */
export async function databaseTime(pg: Sql): Promise<number> {
  const [row] = await pg<
    { now: number }[]
  >`select extract(epoch from clock_timestamp())::float8 * 1000 as now`;
  return row!.now;
}
