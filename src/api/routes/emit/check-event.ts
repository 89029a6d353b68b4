import { isOwnType } from '../../../events/name.ts';
import type { EventTypeRegistry } from '../../../events/registry.ts';
import type { SentEvent } from '../../../outbox/store-events.ts';
import { invalid, Problem } from '../../problem.ts';
import { readAs } from '../../validation.ts';
import { type NewEvent, newEvent } from './new-event.ts';

/** Where event types are looked up. */
export type EventTypes = Pick<EventTypeRegistry, 'find' | 'unknown'>;

/** What was sent as an event, before anything of it is known. */
export interface Candidate {
  value: unknown;
  /** What the sender calls the fields of an event, where that differs. */
  names?: Record<string, string>;
}

/**
 * The event of a candidate, once it fits the schema of its type.
 *
 * @throws Problem 422 with all that is wrong, in the sender's names
 */
export async function checkEvent(
  types: EventTypes,
  { value, names = {} }: Candidate,
): Promise<Omit<SentEvent, 'workspaceId'>> {
  try {
    return await checkType(types, readAs(newEvent, value));
  } catch (error) {
    throw error instanceof Problem ? renamed(error, names) : error;
  }
}

async function checkType(
  types: EventTypes,
  { type, payload, key, channel_id, message_id, deliver_at }: NewEvent,
): Promise<Omit<SentEvent, 'workspaceId'>> {
  if (isOwnType(type))
    throw invalid([
      { path: 'type', message: 'is emitted by Knock-on itself: take one of your own' },
    ]);
  const known = await types.find(type);
  if (!known) {
    const [unknown] = await types.unknown([type]);
    throw invalid([{ path: 'type', message: unknown?.message ?? 'is no event type' }]);
  }
  const issues = known.check(payload);
  const errors = issues.map(({ path, message }) => ({
    path: path ? `payload.${path}` : 'payload',
    message,
  }));
  if (errors.length > 0) throw invalid(errors);
  return {
    type,
    version: known.version,
    payload,
    payloadJson: JSON.stringify(payload),
    key,
    channelId: channel_id?.toLowerCase(),
    messageId: message_id?.toLowerCase(),
    deliverAt: deliver_at,
  };
}

/** The problem with its fields as the sender calls them. */
function renamed(problem: Problem, names: Record<string, string>): Problem {
  const { errors = [] } = problem.options;
  if (Object.keys(names).length === 0 || errors.length === 0) return problem;
  return invalid(
    errors.map(({ path, message }) => {
      const [field = '', ...rest] = path.split('.');
      return { path: [names[field] ?? field, ...rest].join('.'), message };
    }),
  );
}
