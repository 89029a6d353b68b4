import type { Queries } from '../status/effect-status.ts';

/**
 * Closes open circuits, so that failing endpoints are tried at once: an operator who retries their
 * events says that the cause is gone. If it isn't, the circuits soon open again. One whose row is
 * locked stays open: its next probe shows it.
 */
export async function resetCircuits(pg: Queries, eventIds: string[]): Promise<void> {
  if (eventIds.length === 0) return;
  await pg`
    update knockon.endpoints
      set failures = 0, failing_since = null, probe_at = null, failing_cause = null
    where id = any(array(
      select id from knockon.endpoints where failures > 0 and id in (
        select endpoint_id from knockon.deliveries where event_id = any(${eventIds}::uuid[])
          and state <> 'delivered'
      ) for no key update skip locked
    ))`;
}
