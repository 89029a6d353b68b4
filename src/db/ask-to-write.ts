import type { Sql } from 'postgres';
import { errorCode } from './errors.ts';

export const READ_ONLY =
  'the database takes no writes: it is a standby, or default_transaction_read_only is on';

/**
 * Asks as who writes does, and changes nothing: a standby answers what is only read. A session that
 * stays read-only is replaced.
 *
 * @returns what is wrong where the database takes no writes, or null
 * @throws where it does not answer
 */
export async function askToWrite(pg: Sql): Promise<string | null> {
  try {
    await pg`select from knockon.subscribers limit 0 for update`;
    return null;
  } catch (error) {
    if (errorCode(error) === '25006') return READ_ONLY;
    throw error;
  }
}
