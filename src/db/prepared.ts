import type { Sql, TransactionSql } from 'postgres';
import { wrapTransactions } from './wrap-transactions.ts';

/**
 * Most texts that are prepared in a process' life. Each costs every connection some memory, and
 * texts can vary without end.
 */
const MOST = 300;

/**
 * Has a client prepare what drizzle gives it, from the second time on. Left to itself each
 * statement is parsed anew and takes a round trip more, for the types of its parameters. From the
 * sixth time on Postgres may keep its plan too, for as long as the connection lives: so no plan may
 * depend on how full a table was (test/database/growth).
 */
export function prepareRecurring(client: Sql): Sql {
  const seen = new Set<string>();
  const recurring = new Set<string>();

  function recurs(text: string): boolean {
    if (recurring.has(text)) return true;
    if (recurring.size === MOST) return false;
    if (seen.size === 2 * MOST) seen.clear();
    if (seen.delete(text)) return Boolean(recurring.add(text));
    seen.add(text);
    return false;
  }

  function preparing<T extends Sql | TransactionSql>(pg: T): T {
    const unsafe = pg.unsafe as (...args: unknown[]) => unknown;
    const prepared = (text: string, args: unknown[] = [], options: object = {}) =>
      unsafe(text, args, args.length > 0 && recurs(text) ? { ...options, prepare: true } : options);
    return Object.assign(pg, {
      unsafe: prepared,
      ...wrapTransactions(pg, preparing),
    });
  }

  return preparing(client);
}
