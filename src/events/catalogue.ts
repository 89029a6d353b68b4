import type { z } from 'zod';

/** A declared event type: its name, the version of its payload and the payload's schema. */
export interface EventType<P extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly version: number;
  readonly payload: P;
}

const declared = new Map<string, EventType>();

/** Past participles that do not end in "-ed". Add the one you need. */
const irregular = new Set(
  (
    'begun bought bound broken brought built caught chosen cut done drawn driven fallen felt ' +
    'forgotten found frozen given gone grown held hidden hit kept known laid left lent let lost ' +
    'made meant met paid put read reset rewritten run seen sent set shown shut sold sought spent ' +
    'split spoken taken taught thrown told torn understood undone unread won withdrawn written'
  ).split(' '),
);

/**
 * Thrown when an event type is declared under a name that is not `<aggregate>.<past participle>`,
 * or declared twice.
 */
export class EventNameError extends Error {
  override name = 'EventNameError';
}

/**
 * Declares an event type. The name says what has happened, never what should happen because of it:
 * the producer must not know its consumers.
 *
 * @param name `<aggregate>.<past participle>` in snake_case, such as `message.created` or
 * `invoice.sent`
 * @param options.version the payload's version, a whole number from 1 (default 1)
 * @param options.payload a zod schema; `emit` refuses what it refuses
 * @throws EventNameError
 */
export function defineEvent<P extends z.ZodType>(
  name: string,
  options: { version?: number; payload: P },
): EventType<P> {
  checkName(name);
  const version = options.version ?? 1;
  if (!Number.isInteger(version) || version < 1 || version > 32_767) {
    throw new EventNameError(
      `event "${name}": version ${version} is not a whole number from 1 to 32767`,
    );
  }
  if (declared.has(name))
    throw new EventNameError(`event "${name}" is declared twice; one declaration an event type`);
  const type = Object.freeze({ name, version, payload: options.payload });
  declared.set(name, type);
  return type;
}

/** The declared type of that name, or undefined. */
export function eventType(name: string): EventType | undefined {
  return declared.get(name);
}

/** The names of all declared types, in the order of their declaration. */
export function eventTypes(): string[] {
  return [...declared.keys()];
}

function checkName(name: string): void {
  const [aggregate, participle, ...rest] = name.split('.');
  const word = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
  const rule =
    'an event is named <aggregate>.<past participle> in snake_case, such as "message.created"';
  if (!participle || rest.length > 0 || !word.test(aggregate ?? '') || !word.test(participle)) {
    const hint = name.includes('.')
      ? ''
      : ': it reads as a command, and a producer that commands knows its consumers';
    throw new EventNameError(`event "${name}" is refused${hint}; ${rule}`);
  }
  const last = participle.split('_').at(-1) ?? '';
  if (!last.endsWith('ed') && !irregular.has(last)) {
    throw new EventNameError(
      `event "${name}" is refused: "${last}" is not a past participle, and an event says what ` +
        `has happened, not what to do; ${rule}`,
    );
  }
}
