import { isObject, type JsonSchema, schemasWithin } from './keywords.ts';

/** The names of all fields that a schema, or one within it, speaks of. */
export function fieldNames(schema: JsonSchema): Set<string> {
  const { properties, required, dependentRequired } = schema;
  const own = [
    ...(isObject(properties) ? Object.keys(properties) : []),
    ...(isObject(dependentRequired) ? Object.values(dependentRequired).flat() : []),
    ...(Array.isArray(required) ? required : []),
  ].map(String);
  const within = schemasWithin(schema).flatMap(({ schema: inner }) =>
    isObject(inner) ? [...fieldNames(inner)] : [],
  );
  return new Set([...own, ...within]);
}
