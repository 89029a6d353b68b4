import { and, eq, isNotNull, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from './client.ts';
import { missWhatWaits } from './missed-deliveries.ts';
import { deliveries, endpoints } from './schema/webhooks.ts';

export type EndpointRow = typeof endpoints.$inferSelect;

/** What is changed of an endpoint; what is not there stays. */
export interface EndpointChange {
  url?: string;
  event_types?: string[];
  description?: string | null;
  max_per_second?: number | null;
  max_concurrency?: number | null;
  enabled?: boolean;
}

/** Who disables it, and why. Why it was disabled before stays, unless an operator says more. */
export interface Disabling {
  by: 'owner' | 'operator';
  reason: string;
}

/** Another URL has not failed yet, nor has an endpoint that is enabled. */
const healed = {
  failures: 0,
  failing_since: null,
  probe_at: null,
  failing_cause: null,
  resting_until: null,
};
const enabled = { ...healed, disabled_at: null, disabled_reason: null, disabled_by: null };

const disabled = ({ by, reason }: Disabling) => ({
  disabled_at: sql`coalesce(${endpoints.disabled_at}, now())`,
  disabled_reason:
    by === 'operator' ? reason : sql`coalesce(${endpoints.disabled_reason}, ${reason})`,
  disabled_by: by === 'operator' ? by : sql`coalesce(${endpoints.disabled_by}, ${by})`,
});

/**
 * Changes an endpoint, its owner's or an operator's way. What waits for one that is disabled is
 * missed; what waits under another limit is given another turn.
 *
 * @returns undefined where there is none
 */
export async function changeEndpoint(
  tx: Transaction,
  which: SQL | undefined,
  { enabled: isEnabled, ...given }: EndpointChange,
  disabling: Disabling,
): Promise<EndpointRow | undefined> {
  const isLimited = given.max_per_second !== undefined;
  const [row] = await tx
    .update(endpoints)
    .set({
      ...given,
      ...(given.url && healed),
      ...(isLimited && { reserved_until: null, queued_until: null }),
      ...(isEnabled === true && enabled),
      ...(isEnabled === false && disabled(disabling)),
      updated_at: sql`now()`,
    })
    .where(which)
    .returning();
  if (row && isEnabled === false) await missWhatWaits(tx, row.id);
  // What waits was told its time under the limit before, and is to be given another.
  if (row && isLimited)
    await tx
      .update(deliveries)
      .set({ due_at: null })
      .where(and(eq(deliveries.endpoint_id, row.id), isNotNull(deliveries.due_at)));
  return row;
}
