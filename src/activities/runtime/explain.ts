import { isError, safeError } from '../../safe-error.ts';

/**
 * Why a call failed: a short cause that groups alike failures, and a sentence. Both stand in
 * histories and in `last_error`: what an effect throws is scrubbed of quotations, addresses and
 * paths, and cut; of what Postgres says no values are left.
 */
export function explain(error: unknown): { cause: string; reason: string } {
  const { name, message: reason } = safeError(error);
  const isNamed = /\(SQLSTATE \w+\)$/.test(reason);
  return { cause: isNamed ? reason : `${isError(error) ? name : 'error'}: ${reason}`, reason };
}
