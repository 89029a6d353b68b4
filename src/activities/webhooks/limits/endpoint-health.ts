import { sql } from 'drizzle-orm';
import {
  type HealthAttempt,
  type HealthChange,
  type HealthRow,
  healthChange,
  type ReceiverHealth,
} from '../../runtime/http/circuit.ts';

/** An endpoint's health after an attempt. */
export interface EndpointHealth extends ReceiverHealth {
  is_disabled: boolean;
}

/** An attempt, as far as it matters to its endpoint's health. */
export interface EndpointAttempt extends HealthAttempt {
  endpointId: string;
  url: string;
}

/** Where an endpoint's health stands. */
export const healthOf = (endpointId: string): HealthRow => ({
  table: sql`knockon.endpoints`,
  is: sql`id = ${endpointId}`,
});

/** What an attempt changes of its endpoint's row. 410 disables the endpoint. */
export const endpointHealthChange = (made: EndpointAttempt): HealthChange =>
  made.responseClass.state === 'gone' ? disabledAt(made.url) : healthChange(made);

/** An address that was changed meanwhile has not answered 410. */
const disabledAt = (url: string): HealthChange => ({
  set: sql`disabled_at = now(), disabled_by = 'endpoint',
    disabled_reason = 'It answered HTTP 410 (Gone).', failures = 0, failing_since = null,
    probe_at = null, failing_cause = null, resting_until = null`,
  when: sql`url = ${url} and disabled_at is null`,
});
