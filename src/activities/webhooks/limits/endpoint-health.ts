import { type SQL, sql } from 'drizzle-orm';
import {
  type Health,
  type HealthAttempt,
  type HealthRow,
  healthUpdate,
} from '../../runtime/http/circuit.ts';

/** An endpoint's health after an attempt. */
export interface EndpointHealth extends Health {
  is_disabled: boolean;
}

/** An attempt, as far as it matters to its endpoint's health. */
export interface EndpointAttempt extends Omit<HealthAttempt, 'receiver'> {
  endpointId: string;
  url: string;
}

/** Where an endpoint's health stands. */
export const healthOf = (endpointId: string): HealthRow => ({
  table: sql`knockon.endpoints`,
  is: sql`id = ${endpointId}`,
});

/** The update of an endpoint's row after an attempt. 410 disables the endpoint. */
export function endpointHealthUpdate(made: EndpointAttempt): SQL {
  const { endpointId, url, responseClass } = made;
  if (responseClass.state === 'gone') return disable(endpointId, url);
  return healthUpdate({ ...made, receiver: healthOf(endpointId) });
}

/** An address that was changed meanwhile has not answered 410. */
const disable = (endpointId: string, url: string): SQL => sql`
  update knockon.endpoints set disabled_at = now(), disabled_by = 'endpoint',
    disabled_reason = 'It answered HTTP 410 (Gone).', failures = 0, failing_since = null,
    probe_at = null, failing_cause = null, resting_until = null
  where id = ${endpointId} and url = ${url} and disabled_at is null`;
