import type { SQL } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { TransactionSql } from 'postgres';

const dialect = new PgDialect();

/**
 * Runs a statement that drizzle's `sql` has put together where a transaction of the other client is
 * at hand. Its text must recur: it is prepared.
 */
export async function ask<T extends object>(tx: TransactionSql, statement: SQL): Promise<T[]> {
  const { sql, params } = dialect.sqlToQuery(statement);
  return await tx.unsafe<T[]>(sql, params as never[], { prepare: true });
}
