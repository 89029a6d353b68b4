import type { JsonSchema } from '../keywords.ts';
import { compilePattern } from '../patterns.ts';

const patternsOf = (schema: JsonSchema): Record<string, unknown> =>
  (schema.patternProperties as Record<string, unknown> | undefined) ?? {};

const propertiesOf = (schema: JsonSchema): Record<string, unknown> =>
  (schema.properties as Record<string, unknown> | undefined) ?? {};

/** The fields that are named in one of these. */
export const namedIn = (schemas: JsonSchema[]): string[] => [
  ...new Set(schemas.flatMap((schema) => Object.keys(propertiesOf(schema)))),
];

/** What a field must fit, by all that is said of its name. */
export function schemasOf(schema: JsonSchema, name: string): unknown[] {
  const own = Object.hasOwn(propertiesOf(schema), name) ? [propertiesOf(schema)[name]] : [];
  const matching = Object.entries(patternsOf(schema))
    .filter(([pattern]) => compilePattern(pattern).test(name))
    .map(([, inner]) => inner);
  const said = [...own, ...matching];
  return said.length > 0 ? said : [schema.additionalProperties ?? true];
}

/** Whether a schema says anything of a field of that name. */
export const isSaid = (schema: JsonSchema, name: string): boolean =>
  'additionalProperties' in schema ||
  Object.hasOwn(propertiesOf(schema), name) ||
  schemasOf(schema, name)[0] !== true;

/** Something that is said of fields whose names are not listed. */
export interface Unnamed {
  /** Where it is said. */
  path: string[];
  schema: unknown;
  /** Before it was one of these. */
  before(older: JsonSchema): unknown[];
}

/** What a newer schema demands of fields that no schema names. */
export function unnamedIn(newer: JsonSchema): Unnamed[] {
  const patterns = patternsOf(newer);
  const demands = Object.entries(patterns).map(([pattern, schema]) => ({
    path: ['patternProperties', pattern],
    schema,
    before: (older: JsonSchema) => matchingBefore(older, pattern),
  }));
  const additional = newer.additionalProperties;
  if (additional === undefined || additional === true) return demands;
  const path = ['additionalProperties'];
  const before = (older: JsonSchema) => othersBefore(older, Object.keys(patterns));
  return [...demands, { path, schema: additional, before }];
}

/** What a field could be whose name matches that pattern. */
function matchingBefore(older: JsonSchema, pattern: string): unknown[] {
  const patterns = patternsOf(older);
  if (Object.hasOwn(patterns, pattern)) return [patterns[pattern]];
  return [older.additionalProperties ?? true, ...Object.values(patterns)];
}

/** What a field could be whose name matches none of these patterns. */
function othersBefore(older: JsonSchema, but: string[]): unknown[] {
  const others = Object.entries(patternsOf(older)).filter(([pattern]) => !but.includes(pattern));
  return [older.additionalProperties ?? true, ...others.map(([, schema]) => schema)];
}
