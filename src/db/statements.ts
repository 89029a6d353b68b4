import { type AnyColumn, eq, lt, type SQL, sql } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { TransactionSql } from 'postgres';

const dialect = new PgDialect();

/**
 * Runs a statement of drizzle's in a transaction of the raw client. The statement is prepared, so
 * its text must recur.
 */
export async function ask<T extends object>(tx: TransactionSql, statement: SQL): Promise<T[]> {
  const query = dialect.sqlToQuery(statement);
  return await tx.unsafe<T[]>(query.sql, query.params as never[], { prepare: true });
}

/** Before every id. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * Rows whose id is one of these, by the index. Without statistics the planner would scan the table
 * for a list in the statement. It expects few rows of a list that it does not see.
 */
export const among = (column: AnyColumn, ids: string[]): SQL =>
  sql`${column} = any(array(select unnest(${sql.param(ids)}::uuid[])))`;

/** Rows before that one in a list; all where none is given. */
export const isBefore = (column: AnyColumn, id: string | undefined): SQL | undefined =>
  id === undefined ? undefined : lt(column, id);

/** Rows of that value; all where none is given. */
export const matches = (column: AnyColumn, value: string | undefined): SQL | undefined =>
  value === undefined ? undefined : eq(column, value);

/**
 * Part of a statement that need not be on the disk before it is answered: what is lost in a crash
 * of Postgres is found or made again. Other commits don't queue behind it. For single statements
 * only, never within a transaction.
 */
export const asynchronousCommit = sql`
  select set_config('synchronous_commit', 'off', true) as is_lazy`;
