import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from './client.ts';

/**
 * Whether a delivery `d` has a dead letter, of its own or with its whole event.
 *
 * @param retriedBy a dispatch: a letter that it tries again does not count
 */
export const hasDeadLetter = (retriedBy: string | null = null): SQL => sql`exists (
  select from (select * from knockon.dead_letters where event_id = d.event_id offset 0) l
  where l.subscriber = 'webhooks' and l.target in ('', d.endpoint_id::text)
    and (l.retried_by is null or l.retried_by is distinct from ${retriedBy}::uuid))`;

/**
 * Of an endpoint that is disabled: what waited for it is missed. Only of the last week, as hardly
 * anything waits longer. That is missed when it is called again, and so is a delivery whose row is
 * locked. What was given up stays as it is: its dead letter can be retried once the endpoint is
 * enabled.
 */
export async function missWhatWaits(
  db: Database['db'] | Transaction,
  endpointId: string,
): Promise<void> {
  await db.execute(sql`
    update knockon.deliveries set state = 'missed', due_at = null where id = any(array(
      select d.id from knockon.endpoints n join knockon.deliveries d on d.endpoint_id = n.id
      where n.id = ${endpointId} and n.disabled_at is not null
        and d.id > knockon.uuid_at(now() - interval '7 days')
        and d.state = 'pending' and d.event_id is not null and not ${hasDeadLetter()}
      for no key update of d skip locked
    ))`);
}
