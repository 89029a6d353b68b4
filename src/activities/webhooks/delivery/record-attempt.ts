import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../db/client.ts';
import { missWhatWaits } from '../../../db/missed-deliveries.ts';
import { askUntilFree, RowLockedError } from '../../../db/row-locks.ts';
import { asynchronousCommit } from '../../../db/statements.ts';
import { updateFree } from '../../runtime/http/circuit.ts';
import type { ResponseClass } from '../../runtime/http/classify-response.ts';
import type { HttpAttempt } from '../../runtime/http/http-attempt.ts';
import {
  type EndpointAttempt,
  type EndpointHealth,
  endpointHealthChange,
  healthOf,
} from '../limits/endpoint-health.ts';

/** An attempt that was made for a delivery. */
export interface DeliveryAttempt extends EndpointAttempt {
  deliveryId: string;
}

const states = { delivered: 'delivered', retry: 'pending', dead: 'failed', gone: 'missed' };

/** An endpoint's health after an attempt, and whether it could be changed. */
interface Noted extends EndpointHealth {
  is_endpoint_locked: boolean;
}

/** What recording an attempt came to. */
interface Recorded extends Noted {
  is_delivery_locked: boolean;
}

/**
 * Logs an attempt and updates its delivery and endpoint. A delivered delivery stays delivered. A
 * failure that is retried commits asynchronously: to lose it costs only a line of the log.
 *
 * Nobody waits for the lock of a row. An attempt whose endpoint stays locked is recorded, and the
 * endpoint's health is left as it was.
 *
 * @throws RowLockedError if the delivery stays locked: nothing is recorded then
 */
export async function recordAttempt(
  db: Database['db'],
  made: DeliveryAttempt,
): Promise<EndpointHealth> {
  const { deliveryId, endpointId, responseClass } = made;
  const recorded = await askUntilFree(
    () => record(db, made),
    ({ is_delivery_locked }) => is_delivery_locked,
  );
  if (recorded.is_delivery_locked)
    throw new RowLockedError(`the row of delivery ${deliveryId} is locked by somebody else`);
  const health = recorded.is_endpoint_locked ? await noteHealth(db, made) : recorded;
  if (responseClass.state === 'gone') await missWhatWaits(db, endpointId);
  return health;
}

async function record(db: Database['db'], made: DeliveryAttempt): Promise<Recorded> {
  const { deliveryId, attempt, responseClass, isTest } = made;
  const state = states[responseClass.state];
  const isRetried = responseClass.state === 'retry';
  const isFailedTest = isRetried && isTest === true;
  const [row] = await db.execute(sql`
    with ${isRetried ? sql`lazy as materialized (${asynchronousCommit}), ` : sql``}
    mine as materialized (
      select id from knockon.deliveries where id = ${deliveryId} for no key update skip locked
    ), logged as (
      insert into knockon.delivery_attempts (delivery_id, status, latency_ms, error,
        response_excerpt)
      select mine.id, ${attempt.status}::int, ${attempt.latencyMs}::int,
        ${errorText(attempt, responseClass)}::text, ${attempt.excerpt}::text
      from mine ${isRetried ? sql`cross join lazy` : sql``}
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
      where id = (select id from mine) and state <> 'delivered'
    ), ${changed(made, sql`exists (select from mine)`)}
    select h.*, not exists (select from mine) and exists (
        select from knockon.deliveries where id = ${deliveryId}
      ) as is_delivery_locked
    from (${healthAfter(made)}) h`);
  return (row as unknown as Recorded | undefined) ?? { ...deleted, is_delivery_locked: false };
}

/** Notes what a recorded attempt says of its endpoint. */
async function noteHealth(db: Database['db'], made: DeliveryAttempt): Promise<EndpointHealth> {
  return await askUntilFree(
    async () => {
      const [row] = await db.execute(sql`with ${changed(made, sql`true`)} ${healthAfter(made)}`);
      return (row as unknown as Noted | undefined) ?? deleted;
    },
    ({ is_endpoint_locked }) => is_endpoint_locked,
  );
}

const deleted: Noted = {
  probe_in_ms: null,
  rest_in_ms: null,
  failing_ms: null,
  is_disabled: false,
  is_endpoint_locked: false,
};

const changed = (made: DeliveryAttempt, condition: SQL): SQL => sql`changed as (
  ${updateFree(healthOf(made.endpointId), endpointHealthChange(made))} and ${condition}
  returning probe_at, resting_until, failing_since, disabled_at, false as is_locked)`;

/** What is to be changed, and was not, is locked. */
const healthAfter = (made: DeliveryAttempt): SQL => sql`
  select extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms,
    extract(epoch from resting_until - now())::float8 * 1000 as rest_in_ms,
    extract(epoch from now() - failing_since)::float8 * 1000 as failing_ms,
    disabled_at is not null as is_disabled, is_locked as is_endpoint_locked
  from (
    select * from changed union all
    select probe_at, resting_until, failing_since, disabled_at,
      ${endpointHealthChange(made).when} from knockon.endpoints
    where id = ${made.endpointId} and not exists (select from changed)
  ) n`;

/**
 * What the log of attempts says: the cause, and the details if there are any. Null if delivered.
 */
export function errorText({ failure }: HttpAttempt, responseClass: ResponseClass): string | null {
  if (responseClass.state === 'delivered') return null;
  if (!failure) return responseClass.cause;
  return `${failure.cause}: ${failure.detail}`.replaceAll('\0', '');
}
