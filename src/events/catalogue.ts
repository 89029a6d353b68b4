import type { z } from 'zod';
import {
  aFunction,
  anArray,
  anything,
  aString,
  checkOptions,
  type Must,
} from '../known-members.ts';
import { explainIssues, type Issue } from './issue.ts';
import { refusedName } from './name.ts';
import { compileCheck } from './schema/check.ts';
import type { JsonSchema } from './schema/keywords.ts';
import { rootIssues, schemaIssues } from './schema/schema-issues.ts';
import { fromZod, UnsayableError, zodIssues } from './schema/zod.ts';

/** What an event carries: a JSON object. */
export type Payload = Record<string, unknown>;

/** A declared event type. `P` is what its payloads are. */
export interface EventType<P extends object = Payload> {
  /** `<aggregate>.<past participle>`. */
  readonly name: string;
  /** The payload's version, a whole number from 1. */
  readonly version: number;
  /** What has happened, in a sentence or two; empty where nothing was said. */
  readonly description: string;
  /** JSON Schema 2020-12 of the payload. */
  readonly schema: JsonSchema;
  /** Payloads as they may be. */
  readonly examples: readonly P[];
  /** Says what of a payload does not fit; nothing: it fits. It never throws. */
  check(payload: unknown): Issue[];
  /** Makes a payload of an older version one of this version. */
  readonly upcast: Upcast<P> | undefined;
}

/**
 * Makes a payload of an older version one of the current version. It must change nothing that it is
 * given, depend on nothing else, and return a plain object, no promise. What it throws makes a dead
 * letter of the event.
 *
 * @param payload as it lies in the log, frozen
 * @param version which version that is of
 */
export type Upcast<P extends object = Payload> = (payload: Payload, version: number) => P;

/** How an event type is declared. */
export interface EventOptions<P extends object = Payload> {
  /**
   * The payload's version, a whole number from 1 to 32767 (default 1). Each change of `payload`
   * needs the next one.
   */
  version?: number | undefined;
  /** What has happened, in a sentence or two (default: the schema's own description). */
  description?: string | undefined;
  /** Payloads as they may be, for docs. Each must fit. */
  examples?: P[] | undefined;
  /** For effects that get events of older versions (default: they get them as they are). */
  upcast?: Upcast<P> | undefined;
}

type Declaration = EventOptions & { payload: z.ZodType | JsonSchema };

const musts: Record<keyof Declaration, Must> = {
  payload: anything,
  version: anything,
  description: aString,
  examples: anArray,
  upcast: aFunction,
};

/**
 * Thrown when an event type is declared under a name that is not `<aggregate>.<past participle>`,
 * declared twice, or with a version that is none.
 */
export class EventNameError extends Error {
  override name = 'EventNameError';
}

/** Thrown when an event type is declared with a schema that can't be used. */
export class EventSchemaError extends Error {
  override name = 'EventSchemaError';
}

const declared = new Map<string, EventType>();

/**
 * Declares an event type. The name says what has happened, never what should happen because of it:
 * the producer must not know its consumers.
 *
 * @param name `<aggregate>.<past participle>` in snake_case, such as `message.created` or
 * `invoice.sent`
 * @param options.payload a zod schema of an object, without transforms, or a JSON Schema 2020-12
 * @throws EventNameError, EventSchemaError
 * @throws TypeError if an option is unknown, or not what it must be
 */
export function defineEvent<Z extends z.ZodType<object>>(
  name: string,
  options: EventOptions<z.input<Z> & object> & { payload: Z },
): EventType<z.input<Z> & object>;
export function defineEvent<P extends object = Payload>(
  name: string,
  options: EventOptions<P> & { payload: JsonSchema },
): EventType<P>;
export function defineEvent(name: string, options: Declaration): EventType {
  const { version = 1 } = options ?? {};
  checkNameAndVersion(name, version);
  checkOptions(`event "${name}"`, options, musts);
  const { schema, check } = payloadOf(name, options.payload);
  const { description = schema.description ?? '', examples = [], upcast } = options;
  const type = { name, version, description: String(description), schema, examples, check, upcast };
  for (const [place, example] of examples.entries())
    refuse(name, `examples.${place}`, check(example));
  declared.set(name, Object.freeze(type));
  return type;
}

/** The declared type of that name, or undefined. */
export function eventType(name: string): EventType | undefined {
  return declared.get(name);
}

/** All declared types, in the order of their declaration. */
export function declaredTypes(): EventType[] {
  return [...declared.values()];
}

/** The names of all declared types, in the order of their declaration. */
export function eventTypes(): string[] {
  return [...declared.keys()];
}

function checkNameAndVersion(name: string, version: number): void {
  const refused =
    typeof name === 'string' ? refusedName(name) : `the name of an event ${aString(name)}`;
  if (refused) throw new EventNameError(refused);
  if (!Number.isInteger(version) || version < 1 || version > 32_767)
    throw new EventNameError(
      `event "${name}": version ${version} is not a whole number from 1 to 32767`,
    );
  if (declared.has(name))
    throw new EventNameError(`event "${name}" is declared twice; one declaration an event type`);
}

/** What payloads must be. The check is compiled once it is needed. */
function payloadOf(
  name: string,
  payload: z.ZodType | JsonSchema,
): Pick<EventType, 'schema' | 'check'> {
  if (typeof payload !== 'object' || payload === null)
    throw new EventSchemaError(
      `event "${name}": \`payload\` must be a zod schema of an object, or a JSON Schema`,
    );
  const type = isZod(payload) ? payload : undefined;
  const schema = type ? sayable(name, type) : (payload as JsonSchema);
  refuse(name, 'payload', type ? rootIssues(schema) : schemaIssues(schema));
  let compiled: ((value: unknown) => Issue[]) | undefined;
  return {
    schema,
    check(value) {
      compiled ??= compileCheck(schema);
      const issues = compiled(value);
      return issues.length === 0 && type ? zodIssues(type, value) : issues;
    },
  };
}

/** Also where the application has another copy of zod. */
const isZod = (payload: z.ZodType | JsonSchema): payload is z.ZodType => '_zod' in payload;

function sayable(name: string, type: z.ZodType): JsonSchema {
  try {
    return fromZod(type);
  } catch (error) {
    if (!(error instanceof UnsayableError)) throw error;
    throw new EventSchemaError(
      `event "${name}": its payload can't be said in JSON Schema, which other languages are ` +
        `told: ${error.message}. An event is kept as it was emitted, so leave out transforms, ` +
        'dates and the like',
    );
  }
}

/** @throws EventSchemaError where there is any issue */
function refuse(name: string, what: string, issues: Issue[]): void {
  if (issues.length === 0) return;
  throw new EventSchemaError(`event "${name}": ${what} is refused: ${explainIssues(issues, 'it')}`);
}
