import { z } from 'zod';
import type { Issue } from '../issue.ts';
import { FORMATS } from './ajv.ts';
import type { JsonSchema } from './keywords.ts';

/** Thrown where a zod schema has what JSON Schema can't say. */
export class UnsayableError extends Error {
  override name = 'UnsayableError';
}

/**
 * The JSON Schema of what a zod schema takes. Its refinements are left out. They are checked where
 * TypeScript emits, and nowhere else.
 *
 * @throws UnsayableError
 */
export function fromZod(type: z.ZodType): JsonSchema {
  try {
    // Only what it gives would show that it changes what it takes.
    z.toJSONSchema(type);
    const schema = z.toJSONSchema(type, { io: 'input', override });
    // A union of objects does not say by itself that it is one.
    return { type: 'object', ...(JSON.parse(JSON.stringify(schema)) as JsonSchema) };
  } catch (error) {
    throw new UnsayableError((error as Error).message);
  }
}

interface Told {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: { format?: string; pattern?: string };
}

function override({ zodSchema, jsonSchema }: Told): void {
  refuseUnsaid(zodSchema._zod.def);
  sayOnce(jsonSchema);
}

/** Flags that change nothing of what is matched, or that patterns have always. */
const FLAGS = /^[dguv]*$/;

/** @throws UnsayableError for what zod leaves out in silence */
function refuseUnsaid(def: z.core.$ZodTypes['_zod']['def']): void {
  const checks = (def.checks ?? []).map((check) => check._zod.def);
  if (def.type === 'catch') throw new UnsayableError('.catch() changes what is emitted');
  if (checks.some(({ check }) => check === 'overwrite'))
    throw new UnsayableError('.trim(), .toLowerCase() and the like change what is emitted');
  for (const { pattern } of [def, ...checks] as { pattern?: unknown }[])
    if (pattern instanceof RegExp && !FLAGS.test(pattern.flags))
      throw new UnsayableError(
        `${pattern} has flags, and patterns of JSON Schema have none: write [aA] for "i"`,
      );
}

/**
 * zod says a format twice: by its name and as a pattern. The standard has not all of its names, and
 * RE2 not all of its patterns.
 */
function sayOnce(jsonSchema: Told['jsonSchema']): void {
  const { format, pattern } = jsonSchema;
  if (format && FORMATS.includes(format)) delete jsonSchema.pattern;
  else if (format && pattern) delete jsonSchema.format;
}

/** What zod says of a value. */
export function zodIssues(type: z.ZodType, value: unknown): Issue[] {
  const parsed = type.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message,
  }));
}
