import type { OpenOutcome } from '../../transport/dispatch.ts';
import type { Open } from './outcomes.ts';

/** Characters of a reason that travel; the whole of it stands in `attempts`. */
const REASON = 200;

/** Outcomes an answer may list: with such reasons about 1.5 MB, where Temporal carries 2. */
const MOST = 4000;

/**
 * What of these outcomes fits into an answer, whatever the effect says. Where events have too many
 * targets that are not done, each of these events is tried again for itself, and answers
 * for its own.
 */
export function truncateOutcomes(open: Open[]): OpenOutcome[] {
  const short = open.map(shortened);
  if (short.length <= MOST) return short;
  const events = new Map<string, OpenOutcome>();
  for (const outcome of short)
    if (!events.has(outcome.event_id)) events.set(outcome.event_id, asAWhole(outcome));
  return [...events.values()];
}

function shortened({ short, host: _, ms: __, ...outcome }: Open): OpenOutcome {
  // Why it waits stands in `attempts`.
  if (outcome.state === 'later')
    return outcome.reason === undefined ? outcome : { ...outcome, reason: undefined };
  return {
    ...outcome,
    reason: (short ?? outcome.reason).slice(0, REASON),
    cause: outcome.cause?.slice(0, REASON),
  };
}

function asAWhole({ event_id, target, ...outcome }: OpenOutcome): OpenOutcome {
  if (target === undefined) return { event_id, ...outcome };
  return {
    event_id,
    state: 'retry',
    reason: outcome.reason ?? 'several of its targets wait',
  };
}
