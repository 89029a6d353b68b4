import { sql } from 'drizzle-orm';

/**
 * Part of a statement that need not be on the disk before it is answered: what a crash of Postgres
 * takes away within the next moments is found out again, or made once more. Others' commits don't
 * queue behind it. For statements of their own, never within a transaction.
 */
export const asynchronousCommit = sql`
  select set_config('synchronous_commit', 'off', true) as is_lazy`;
