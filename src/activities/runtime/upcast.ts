import { type DomainEvent, type EventType, eventType, explainIssues } from '../../events/index.ts';
import type { Effect } from './effect.ts';
import { explain } from './explain.ts';
import { dead, type Open } from './outcomes.ts';

/** Events as the effect is written for them, and outcomes of those that can't be made so. */
interface Upcast {
  events: DomainEvent[];
  open: Open[];
}

/**
 * The effect, given events of older versions as their types' `upcast` makes them. Where that fails,
 * the event is a dead letter and the others go on. An effect that takes events `as: 'stored'` stays
 * as it is.
 */
export function upcasting(effect: Effect): Effect {
  if (effect.as === 'stored') return effect;
  if ('transact' in effect)
    return {
      ...effect,
      async transact(tx, given, call) {
        const { events, open } = upcastAll(given);
        const answer = events.length > 0 ? await effect.transact(tx, events, call) : [];
        return [...open, ...(answer ?? [])];
      },
    };
  return {
    ...effect,
    async perform(given, call) {
      const { events, open } = upcastAll(given);
      const answer = events.length > 0 ? await effect.perform(events, call) : [];
      return [...open, ...(answer ?? [])];
    },
  };
}

function upcastAll(given: DomainEvent[]): Upcast {
  const open: Open[] = [];
  const events = given.flatMap((event) => {
    const type = eventType(event.type);
    if (!type?.upcast || event.version >= type.version) return [event];
    const made = upcastOne(event, type);
    if ('state' in made) open.push(made);
    return 'state' in made ? [] : [made];
  });
  return { events, open };
}

function upcastOne(event: DomainEvent, type: EventType): DomainEvent | Open {
  const { version } = type;
  const what = `version ${event.version} of ${event.type} could not be made version ${version}`;
  const failed = (why: string, short = what) =>
    dead(event, `${what}: ${why}`, { cause: 'upcast', short });
  try {
    const payload: unknown = type.upcast?.(freeze(event.payload), event.version);
    if (!isPlain(payload)) return failed(notPlain(payload));
    const issues = type.check(payload);
    if (issues.length > 0) return failed(`its ${explainIssues(issues)}`);
    return Object.freeze({ ...event, version, payload: freeze(payload) });
  } catch (error) {
    return failed(explain(error).reason);
  }
}

/** Whether it is an object as JSON makes them. */
function isPlain(value: unknown): value is DomainEvent['payload'] {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function notPlain(value: unknown): string {
  if (typeof (value as PromiseLike<unknown> | undefined)?.then !== 'function')
    return '`upcast` must return a plain object';
  // Nobody else hears of its failure, which would end the process.
  Promise.resolve(value).catch(() => {});
  return '`upcast` returned a promise: it must return the payload itself';
}

/** Other effects of the process may have the same event. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
