import type { Sql } from 'postgres';

/** The time of the database's clock, in ms since 1970. */
export async function databaseTime(pg: Sql): Promise<number> {
  const [row] = await pg<
    { now: number }[]
  >`select extract(epoch from clock_timestamp())::float8 * 1000 as now`;
  return row!.now;
}
