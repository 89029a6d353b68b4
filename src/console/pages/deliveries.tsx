import type { DeliveryAttempt } from '../../ops/inspect/deliveries.ts';
import type { InspectedEvent } from '../../ops/inspect/inspect-event.ts';
import { counted } from '../format.ts';
import { to } from '../location.ts';
import { State, When } from '../parts/text.tsx';

/** Where an event was posted to, each with what was answered. */
export function Deliveries({ of }: { of: InspectedEvent['deliveries'] }) {
  return (
    <>
      <h3>Posted to</h3>
      <ul class="bare">
        {of.map(({ id, endpoint_id, url, state, tries }) => (
          <li key={id}>
            <State is={state} />{' '}
            <a href={to(`/endpoints/${endpoint_id}`)}>{url ?? 'a deleted endpoint'}</a>
            <Tries of={tries} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** A try in words: what was answered, and how fast. */
export const answered = ({
  status,
  error,
  latency_ms,
}: Pick<DeliveryAttempt, 'status' | 'error' | 'latency_ms'>): string =>
  `${status === null ? (error ?? 'no answer') : `HTTP ${status}`} in ${latency_ms} ms`;

/** The tries of a delivery, and what was answered to each. */
export function Tries({ of }: { of: DeliveryAttempt[] }) {
  const last = of.at(-1);
  if (!last) return <small>not tried yet</small>;
  return (
    <details>
      <summary class="muted">
        {counted(of.length, 'try', 'tries')}, the last: {answered(last)}
      </summary>
      <ol class="tries">
        {of.map((attempt) => (
          <li key={attempt.attempted_at}>
            <When at={attempt.attempted_at} />: {answered(attempt)}
            {attempt.response_excerpt && <pre>{attempt.response_excerpt}</pre>}
          </li>
        ))}
      </ol>
    </details>
  );
}
