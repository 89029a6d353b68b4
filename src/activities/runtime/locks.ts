import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { type Claim, chosen } from './receipts.ts';

/**
 * Holds the effect for each workspace of these events until the transaction ends. In the order of the locks' keys, so that
 * two groups that share workspaces can't wait for each other.
 */
export async function holdWorkspaces(tx: Transaction, claim: Claim): Promise<void> {
  await tx.execute(sql`
    select pg_advisory_xact_lock(key) from (
      select distinct hashtextextended(${claim.subscriber} || o.workspace_id::text, 0) as key
      from outbox o join (${chosen(claim)}) c on c.event_id = o.event_id order by key
    ) locks`);
}
