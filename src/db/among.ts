import { type AnyColumn, type SQL, sql } from 'drizzle-orm';

/**
 * Rows whose id is one of these, looked up by the index. A list that stands in the statement has a
 * planner that was told nothing of the table's size read it from end to end; of one that it does
 * not see it expects little.
 */
export const among = (column: AnyColumn, ids: string[]): SQL =>
  sql`${column} = any(array(select unnest(${sql.param(ids)}::uuid[])))`;
