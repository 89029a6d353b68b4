import type { Sql } from 'postgres';

/** The oldest Postgres that has what we use, as `server_version_num`. */
const OLDEST = 150_000;

/** Thrown where the server is too old. */
export class UnsupportedPostgresError extends Error {
  override name = 'UnsupportedPostgresError';
}

/**
 * Its `server_version_num`, such as 170010.
 *
 * @throws UnsupportedPostgresError where it is older than what Knock-on works with
 */
export async function serverVersion(sql: Sql): Promise<number> {
  const [row] = await sql<{ number: number; version: string }[]>`
    select current_setting('server_version_num')::int as number, current_setting('server_version') as version`;
  const { number = 0, version = 'unknown' } = row ?? {};
  if (number < OLDEST)
    throw new UnsupportedPostgresError(
      `DATABASE_URL leads to PostgreSQL ${version}: Knock-on needs 15, 16, 17 or 18. Upgrade the server (https://www.postgresql.org/docs/current/upgrading.html).`,
    );
  return number;
}
