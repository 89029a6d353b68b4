import type { EventTiming } from '../../../events/event.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { PostedEvent } from '../../../outbox/post-events.ts';
import { keyInFlight, keyMismatch } from '../../middleware/idempotency.ts';
import { conflict, invalid, notFound, Problem } from '../../problem.ts';

/** What a CloudEvent calls fields of an event; undefined where the event came as JSON of ours. */
type CloudNames = Record<string, string> | undefined;

/**
 * The event that was stored now or before.
 *
 * @throws Problem where it was not
 */
export function eventOf(posted: PostedEvent, names?: CloudNames): DomainEvent & EventTiming {
  switch (posted.state) {
    case 'stored':
    case 'replayed':
      return posted.event;
    case 'key_mismatch':
      throw names ? otherCloudEvent() : keyMismatch();
    case 'key_in_flight':
      throw keyInFlight(names && 'The first CloudEvent of this source and id');
    case 'answer_gone':
      throw conflict(
        `The event of this ${names ? 'source and id' : 'Idempotency-Key'} was stored, but it has ` +
          `been deleted since; take a new ${names ? 'id' : 'key'}.`,
      );
    case 'refused':
      throw refusal(posted, names);
  }
}

const otherCloudEvent = () =>
  new Problem(422, 'Another CloudEvent had this source and id; give each event an id of its own.', {
    type: 'idempotency-key-reused',
    errors: [{ path: 'id', message: 'was used for another CloudEvent of this source' }],
  });

type Refused = Extract<PostedEvent, { state: 'refused' }>;

/** What Postgres alone can see: what belongs to another workspace is not there. */
function refusal({ code, problem, detail, hint }: Refused, names: CloudNames): Problem {
  const [, what] = /^there is no (channel|message) /.exec(problem) ?? [];
  if (code === 'KN003' && what) return notFound(what);
  if (code === 'KN004') return new Problem(413, `${sentence(problem)} ${detail} ${hint}`);
  const field = fieldOf(code, problem);
  const path = names?.[field] ?? field;
  return invalid([{ path, message: `${problem}: ${names ? inCloud(hint) : inJson(hint)}` }]);
}

/** Postgres' hints name the arguments of `knockon.emit`. */
const inJson = (hint: string) => hint.replace('`channel`', '`channel_id`');

const inCloud = (hint: string) =>
  hint.replace(
    /^Pass it as `channel`,/,
    "A CloudEvent can't name a channel. Emit JSON with `channel_id` instead,",
  );

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function fieldOf(code: string, problem: string): string {
  if (code === 'KN001') return 'type';
  if (problem.startsWith('the moment')) return 'deliver_at';
  return problem.startsWith('the key') ? 'key' : 'payload';
}
