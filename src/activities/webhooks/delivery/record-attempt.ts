import { sql } from 'drizzle-orm';
import type { Database } from '../../../db/client.ts';
import { missWhatWaits } from '../../../db/missed.ts';
import { asynchronousCommit } from '../../../db/statements.ts';
import type { ResponseClass } from '../../runtime/http/classify-response.ts';
import type { HttpAttempt } from '../../runtime/http/http-attempt.ts';
import {
  type EndpointAttempt,
  type EndpointHealth,
  endpointHealthUpdate,
} from '../limits/endpoint-health.ts';

/** An attempt that was made for a delivery. */
export interface DeliveryAttempt extends EndpointAttempt {
  deliveryId: string;
}

const states = { delivered: 'delivered', retry: 'pending', dead: 'failed', gone: 'missed' };

const healthy: EndpointHealth = {
  probe_in_ms: null,
  rest_in_ms: null,
  failing_ms: null,
  is_disabled: false,
};

/**
 * Logs an attempt and updates its delivery and endpoint. A delivered delivery stays delivered. A
 * failure that is retried commits asynchronously: to lose it costs only a line of the log.
 */
export async function recordAttempt(
  db: Database['db'],
  made: DeliveryAttempt,
): Promise<EndpointHealth> {
  const { deliveryId, endpointId, attempt, responseClass, isTest } = made;
  const state = states[responseClass.state];
  const isRetried = responseClass.state === 'retry';
  const isFailedTest = isRetried && isTest === true;
  const [row] = await db.execute(sql`
    with ${isRetried ? sql`lazy as materialized (${asynchronousCommit}), ` : sql``}logged as (
      insert into knockon.delivery_attempts (delivery_id, status, latency_ms, error,
        response_excerpt)
      select ${deliveryId}::uuid, ${attempt.status}::int, ${attempt.latencyMs}::int,
        ${errorText(attempt, responseClass)}::text, ${attempt.excerpt}::text
      ${isRetried ? sql`from lazy` : sql``}
    ), updated as (
      update knockon.deliveries set due_at = null,
        delivered_at = case when ${state} = 'delivered' then now() end,
        state = case
          -- An extra attempt leaves a delivery of an event to its own attempts.
          when ${isFailedTest} then case when event_id is null then 'failed' else state end
          -- A test has no event that could be missed.
          when ${state} = 'missed' and event_id is null then 'failed'
          -- What was missed stays so until it is delivered.
          when ${state} = 'failed' and state = 'missed' then state
          else ${state} end
      where id = ${deliveryId} and state <> 'delivered'
    ), changed as (
      ${endpointHealthUpdate(made)}
      returning probe_at, resting_until, failing_since, disabled_at
    )
    select extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms,
      extract(epoch from resting_until - now())::float8 * 1000 as rest_in_ms,
      extract(epoch from now() - failing_since)::float8 * 1000 as failing_ms,
      disabled_at is not null as is_disabled
    from (
      select * from changed union all
      select probe_at, resting_until, failing_since, disabled_at from knockon.endpoints
      where id = ${endpointId} and not exists (select from changed)
    ) e`);
  if (responseClass.state === 'gone') await missWhatWaits(db, endpointId);
  return (row as unknown as EndpointHealth | undefined) ?? healthy;
}

/**
 * What the log of attempts says: the cause, and the details if there are any. Null if delivered.
 */
export function errorText({ failure }: HttpAttempt, responseClass: ResponseClass): string | null {
  if (responseClass.state === 'delivered') return null;
  if (!failure) return responseClass.cause;
  return `${failure.cause}: ${failure.detail}`.replaceAll('\0', '');
}
