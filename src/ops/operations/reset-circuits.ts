import type { Queries } from '../status/effect-status.ts';

/**
 * Lets endpoints that were left alone because they kept failing be tried at once: whoever tries
 * their events again says that the cause is gone. Where it isn't, they are soon left alone again.
 */
export async function resetCircuits(pg: Queries, eventIds: string[]): Promise<void> {
  if (eventIds.length === 0) return;
  await pg`
    update endpoints set failures = 0, failing_since = null, probe_at = null, failing_cause = null
    where failures > 0 and id in (
      select endpoint_id from deliveries where event_id = any(${eventIds}::uuid[]) and state <> 'delivered'
    )`;
}
