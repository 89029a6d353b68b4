import type { DomainEvent } from '../../../events/index.ts';
import type { EventTiming } from '../../../events/timing.ts';
import type { PostedEvent } from '../../../outbox/post-events.ts';
import { keyInFlight, keyMismatch } from '../../middleware/idempotency.ts';
import { conflict, invalid, notFound, Problem } from '../../problem.ts';

/**
 * The event that was stored now or before.
 *
 * @throws Problem where it was not
 */
export function eventOf(posted: PostedEvent): DomainEvent & EventTiming {
  switch (posted.state) {
    case 'stored':
    case 'replayed':
      return posted.event;
    case 'key_mismatch':
      throw keyMismatch();
    case 'key_in_flight':
      throw keyInFlight();
    case 'answer_gone':
      throw conflict(
        'The event of this Idempotency-Key was stored, but it has been deleted since; take a new ' +
          'key.',
      );
    case 'refused':
      throw refusal(posted);
  }
}

/** What Postgres alone can see: what belongs to another workspace is not there. */
function refusal({
  code,
  problem,
  detail,
  hint,
}: Extract<PostedEvent, { state: 'refused' }>): Problem {
  const [, what] = /^there is no (channel|message) /.exec(problem) ?? [];
  if (code === 'KN003' && what) return notFound(what);
  if (code === 'KN004') return new Problem(413, `${sentence(problem)} ${detail} ${hint}`);
  const path = fieldOf(code, problem);
  return invalid([{ path, message: `${problem}: ${hint}` }]);
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function fieldOf(code: string, problem: string): string {
  if (code === 'KN001') return 'type';
  if (problem.startsWith('the moment')) return 'deliver_at';
  return problem.startsWith('the key') ? 'key' : 'payload';
}
