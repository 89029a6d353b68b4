import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Attempt } from './send.ts';
import type { Verdict } from './verdict.ts';

type Db = Database['db'];

/** A delivery that is still to be made. */
export interface OpenDelivery {
  id: string;
  event_id: string;
  endpoint_id: string;
  url: string;
  /** Sealed. */
  secret: string;
}

/**
 * What is still to be sent of these events. The first call for an event opens a delivery for each endpoint that then wants
 * its type; later ones find these, so an endpoint that is made during the retries does not get what came before it. An
 * endpoint that is gone, or wants the type no more, is left out.
 *
 * @param endpointId only this one's
 */
export async function openDeliveries(db: Db, events: DomainEvent[], endpointId?: string): Promise<OpenDelivery[]> {
  const column = (pick: (event: DomainEvent) => string) => sql.param(events.map(pick));
  const rows = await db.execute(sql`
    with handled as (
      select * from unnest(${column((e) => e.id)}::uuid[], ${column((e) => e.type)}::text[], ${column((e) => e.workspace_id)}::uuid[])
        with ordinality as t (event_id, type, workspace_id, place)
    ), opened as (
      insert into deliveries (workspace_id, endpoint_id, event_id, event_type)
      select h.workspace_id, n.id, h.event_id, h.type
      from handled h join endpoints n on n.workspace_id = h.workspace_id and n.event_types && array[h.type, '*']
      where not exists (select from deliveries d where d.event_id = h.event_id)
      order by h.event_id, n.id
      -- Another call that opens the same ones is waited for, and its rows are seen, which no snapshot would show.
      on conflict (event_id, endpoint_id) do update set state = deliveries.state
      returning id, event_id, endpoint_id, state
    ), known as (
      select id, event_id, endpoint_id, state from opened
      union all
      select d.id, d.event_id, d.endpoint_id, d.state from handled h join deliveries d on d.event_id = h.event_id
    )
    select k.id, k.event_id, k.endpoint_id, n.url, n.secret
    from known k join handled h using (event_id) join endpoints n on n.id = k.endpoint_id and n.event_types && array[h.type, '*']
    where k.state <> 'delivered' and (${endpointId ?? null}::text is null or k.endpoint_id::text = ${endpointId ?? null})
    order by h.place, k.endpoint_id`);
  return rows as unknown as OpenDelivery[];
}

/** Opens the delivery of a test event, which is in no log. */
export async function openTest(db: Db, endpoint: { id: string; workspace_id: string }): Promise<string> {
  const [row] = await db.execute(sql`
    insert into deliveries (workspace_id, endpoint_id, event_id, event_type)
    values (${endpoint.workspace_id}, ${endpoint.id}, null, 'endpoint.test') returning id`);
  if (!row) throw new Error('an insert returned no row');
  return String(row.id);
}

/** Logs a try and what it means for the delivery. What was once delivered stays so. */
export async function recordAttempt(db: Db, deliveryId: string, attempt: Attempt, verdict: Verdict): Promise<void> {
  const state = { delivered: 'delivered', retry: 'pending', dead: 'failed' }[verdict.state];
  await db.execute(sql`
    with logged as (
      insert into delivery_attempts (delivery_id, status, latency_ms, error, response_excerpt)
      values (${deliveryId}, ${attempt.status}, ${attempt.latencyMs}, ${errorText(attempt, verdict)}, ${attempt.excerpt})
    )
    update deliveries set state = ${state}, delivered_at = case when ${state} = 'delivered' then now() end
    where id = ${deliveryId} and state <> 'delivered'`);
}

/** What stands in the log of tries: the cause, and what is known beyond it. */
export function errorText({ failure }: Attempt, verdict: Verdict): string | null {
  if (verdict.state === 'delivered') return null;
  return failure ? `${failure.cause}: ${failure.detail}`.replaceAll('\0', '') : verdict.cause;
}
