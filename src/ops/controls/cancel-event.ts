import type { Sql } from 'postgres';

/**
 * What became of the wish: it is cancelled, now or before; it was dispatched first; it is one of
 * Knock-on's own, which nobody cancels by itself; or the workspace has no such event.
 */
export type Cancellation = 'cancelled' | 'dispatched' | 'own' | 'unknown';

/** Cancels an event that is scheduled. It is dispatched or cancelled, never both. */
export async function cancelEvent(
  pg: Sql,
  { workspaceId, id }: { workspaceId: string; id: string },
): Promise<Cancellation> {
  const [row] = await pg<{ outcome: Cancellation }[]>`
    select case when knockon.is_own_type(type) then case when waits then 'own' else 'dispatched' end
      when knockon.cancel(id) then 'cancelled' else 'dispatched' end as outcome
    from knockon.shown_events where id = ${id} and workspace_id = ${workspaceId}`;
  return row?.outcome ?? 'unknown';
}
