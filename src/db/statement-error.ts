import { PgPreparedQuery } from 'drizzle-orm/pg-core';
import { safeReason, withoutValues } from '../safe-error.ts';

/**
 * A statement has failed: its message is Postgres' own without values, its cause Postgres' error.
 * It holds no parameters.
 */
export class StatementError extends Error {
  override name = 'StatementError';

  constructor(error: unknown) {
    super(safeReason(error), { cause: withoutValues(error) });
  }
}

/**
 * Has drizzle throw StatementError from now on, in this process. Left to itself drizzle 0.45 puts
 * the statement and all of its parameters into the message of what it throws: people's texts and
 * addresses, which then are wherever errors go.
 */
export function throwWithoutParameters(): void {
  Object.assign(PgPreparedQuery.prototype, {
    async queryWithCache<T>(
      _statement: string,
      _parameters: unknown[],
      query: () => Promise<T>,
    ): Promise<T> {
      try {
        return await query();
      } catch (error) {
        throw new StatementError(error);
      }
    },
  });
}
