import type { DomainEvent } from '../../events/index.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { apart, laterIn } from '../runtime/effect.ts';
import type { OpenDelivery } from './deliveries.ts';
import type { Left, Wait } from './serve.ts';

/** The share of all events whose endpoints take seconds. */
const SLOW = 'slow';

/**
 * What a call answers. An event for which all its endpoints merely wait is answered as a whole, for
 * the first of their moments: events that wait for the same second then cost one timer and one call
 * together, instead of one each. Where an endpoint is retried each stays for itself, because it
 * must not be called before its time.
 *
 * @param now on the clock of `performance.now()`: waits are counted from the answer
 * @param isAlone the call is about some endpoints of one event
 */
export function mergeWaits(
  left: Left[],
  eventOf: (delivery: OpenDelivery) => DomainEvent,
  isAlone = false,
  now = performance.now(),
): OpenOutcome[] {
  const inMs = ({ at }: Wait) => Math.ceil(Math.max(0, at - now) / 1000) * 1000;
  const each = (one: Left) =>
    isWait(one)
      ? laterIn({ event: eventOf(one.delivery), target: one.delivery.endpoint_id }, inMs(one))
      : one;
  const events = new Map<string, Left[]>();
  for (const one of left) {
    const id = isWait(one) ? one.delivery.event_id : one.event_id;
    const own = events.get(id);
    if (own) own.push(one);
    else events.set(id, [one]);
  }
  return [...events.values()].flatMap((own) => {
    const waits = own.filter(isWait);
    const [first] = waits;
    if (isAlone || !first || waits.length < own.length) return own.map(each);
    const event = eventOf(first.delivery);
    return [
      waits.some((wait) => wait.apart)
        ? apart(event, shareOf(waits))
        : laterIn(event, Math.min(...waits.map(inMs))),
    ];
  });
}

/**
 * Those that take seconds wait for each other: a call for each workspace would cost almost as much
 * as a dispatch.
 */
const shareOf = (waits: Wait[]) =>
  waits.some((wait) => wait.apart === 'of its workspace') ? undefined : SLOW;

const isWait = (one: Left): one is Wait => 'delivery' in one;
