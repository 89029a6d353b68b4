import type { OpenOutcome } from '../../transport/dispatch.ts';

/**
 * An event for which all its endpoints merely wait is answered as a whole, for the first of these moments: events that wait for the
 * same moment then cost one timer and one call together, instead of one each. Where an endpoint is retried each stays for itself,
 * because it must not be called before its time.
 */
export function together(outcomes: OpenOutcome[]): OpenOutcome[] {
  const events = new Map<string, OpenOutcome[]>();
  for (const outcome of outcomes) {
    const own = events.get(outcome.event_id);
    if (own) own.push(outcome);
    else events.set(outcome.event_id, [outcome]);
  }
  return [...events].flatMap(([event_id, own]) => {
    const moments = own.flatMap((outcome) => (outcome.state === 'later' ? [outcome.until] : []));
    const [first = ''] = moments.sort();
    return moments.length === own.length ? [{ event_id, state: 'later' as const, until: first }] : own;
  });
}
