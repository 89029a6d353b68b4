import type { DomainEvent } from '../../../events/index.ts';
import { groupBy } from '../../../group-by.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import { apart, laterIn } from '../../runtime/outcomes.ts';
import type { Unfinished, Wait } from './deliver-to-endpoint.ts';
import type { OpenDelivery } from './deliveries.ts';

/** The share of all events whose endpoints are very slow. */
const SLOW = 'slow';

/**
 * What a call answers. If all endpoints of an event merely wait, the event is answered as a whole,
 * for the earliest moment. Events that wait for the same second then share one timer and one call.
 * If an endpoint is retried, each endpoint is answered by itself, as none may be called too early.
 *
 * @param now on the clock of `performance.now()`: waits count from the answer
 * @param isAlone the call is about some endpoints of one event
 */
export function mergeWaits(
  unfinished: Unfinished[],
  eventOf: (delivery: OpenDelivery) => DomainEvent,
  isAlone = false,
  now = performance.now(),
): OpenOutcome[] {
  const inMs = ({ at }: Wait) => Math.ceil(Math.max(0, at - now) / 1000) * 1000;
  const toOutcome = (one: Unfinished) => {
    if (!isWait(one)) return one;
    const target = one.delivery.endpoint_id;
    return laterIn({ event: eventOf(one.delivery), target }, inMs(one));
  };
  const byEvent = groupBy(unfinished, (one) =>
    isWait(one) ? one.delivery.event_id : one.event_id,
  );
  return [...byEvent.values()].flatMap((own) => {
    const waits = own.filter(isWait);
    const [first] = waits;
    if (isAlone || !first || waits.length < own.length) return own.map(toOutcome);
    const event = eventOf(first.delivery);
    return waits.some((wait) => wait.apart)
      ? apart(event, shareOf(waits))
      : laterIn(event, Math.min(...waits.map(inMs)));
  });
}

/** Very slow ones share calls across workspaces: one call each would cost as much as a dispatch. */
const shareOf = (waits: Wait[]) =>
  waits.some((wait) => wait.apart === 'with its workspace') ? undefined : SLOW;

const isWait = (one: Unfinished): one is Wait => 'delivery' in one;
