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
    const schema = z.toJSONSchema(type, { io: 'input', override: sayOnce });
    // A union of objects does not say by itself that it is one.
    return { type: 'object', ...(JSON.parse(JSON.stringify(schema)) as JsonSchema) };
  } catch (error) {
    throw new UnsayableError((error as Error).message);
  }
}

/**
 * zod says a format twice: by its name and as a pattern. The standard has not all of its names, and
 * RE2 not all of its patterns.
 */
function sayOnce({ jsonSchema }: { jsonSchema: { format?: string; pattern?: string } }): void {
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
