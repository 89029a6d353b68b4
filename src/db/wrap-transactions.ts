import type { Sql, TransactionSql } from 'postgres';

/**
 * A client's `begin` and `savepoint`, whose work gets its client as `wrap` makes it. postgres.js
 * gives the statements of each transaction a client of its own.
 */
export function wrapTransactions(
  pg: Sql | TransactionSql,
  wrap: (tx: TransactionSql) => TransactionSql,
): Record<string, (...args: unknown[]) => unknown> {
  const members = pg as unknown as Record<string, unknown>;
  const wrapped = ['begin', 'savepoint'].flatMap((name) => {
    const open = members[name];
    if (typeof open !== 'function') return [];
    const opened = (...args: unknown[]) => {
      const work = args.pop() as (tx: TransactionSql) => unknown;
      return Reflect.apply(open, pg, [...args, (tx: TransactionSql) => work(wrap(tx))]) as unknown;
    };
    return [[name, opened] as const];
  });
  return Object.fromEntries(wrapped);
}
