import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { CallFailure, FAILURE } from '../../transport/retry/failure.ts';

/** Which dispatch a call is of, and whose it says it is. */
export interface DispatchOrigin {
  dispatch_id: string;
  origin?: string | undefined;
}

/**
 * Checks that a call with no events, or nothing to do, is for this database: its dispatch is here,
 * or expired after all of it was done.
 *
 * @throws CallFailure `UnknownDispatchError` where the dispatch belongs to another deployment, or
 * was lost when the database was restored
 */
export async function assureKnown(
  db: Database['db'] | Transaction,
  { dispatch_id, origin }: DispatchOrigin,
): Promise<void> {
  const [row] = await db.execute<{ is_here: boolean; is_ours: boolean; has_expired: boolean }>(sql`
    select exists (select from knockon.dispatches where id = ${dispatch_id}) as is_here,
      id = coalesce(${origin ?? null}::uuid, id) as is_ours,
      coalesce(${dispatch_id}::uuid < expired_before, false) as has_expired
    from knockon.deployment`);
  if (row?.is_here || (row?.is_ours && row.has_expired)) return;
  const explain = row?.is_ours === false ? strangers : lost;
  throw new CallFailure(FAILURE.unknownDispatch, explain(dispatch_id));
}

const strangers = (id: string) =>
  `Dispatch ${id} is another deployment's: its calls come from the same task queue of the same ` +
  'Temporal namespace. Nothing was done. Set KNOCKON_DEPLOYMENT of one of the two, or give it a ' +
  'TEMPORAL_NAMESPACE of its own.';

const lost = (id: string) =>
  `Dispatch ${id} is not in this worker's database. Nothing was done. Either another deployment ` +
  'uses the same Temporal namespace (set KNOCKON_DEPLOYMENT of one of the two), or the database ' +
  'was put back to an earlier state (then terminate this workflow).';
