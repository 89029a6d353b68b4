/** JSON Schema 2020-12, as it lies in `event_types`. */
export type JsonSchema = Record<string, unknown>;

/** Where a keyword of JSON Schema has further schemas. */
const one = [
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
];
const list = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const byName = ['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties'];

/** All else that the standard has. */
const plain = (
  '$anchor $comment $dynamicAnchor $dynamicRef $id $ref $schema const contentEncoding ' +
  'contentMediaType default dependentRequired deprecated description enum examples ' +
  'exclusiveMaximum exclusiveMinimum format maxContains maxItems maxLength maxProperties maximum ' +
  'minContains minItems minLength minProperties minimum multipleOf pattern readOnly required ' +
  'title type uniqueItems writeOnly'
).split(' ');

/** The keywords of JSON Schema 2020-12. Beside them a schema may have its own, `x-…`. */
export const KEYWORDS = [...one, ...list, ...byName, ...plain];

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema within a schema. */
interface Within {
  /** From the outer schema on: keyword, then a name or an index. */
  path: string[];
  schema: unknown;
}

/** The schemas that stand directly within a schema. */
export function schemasWithin(schema: JsonSchema): Within[] {
  return Object.entries(schema).flatMap(([keyword, value]): Within[] => {
    if (one.includes(keyword)) return [{ path: [keyword], schema: value }];
    const isNested =
      (list.includes(keyword) && Array.isArray(value)) ||
      (byName.includes(keyword) && isObject(value));
    if (!isNested) return [];
    return Object.entries(value as object).map(([at, inner]) => ({
      path: [keyword, at],
      schema: inner,
    }));
  });
}

/** The schema with each schema within it, and all within those, changed. The innermost first. */
export function mapSchemas(schema: unknown, change: (schema: JsonSchema) => JsonSchema): unknown {
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    const deeper = (inner: unknown) => mapSchemas(inner, change);
    if (one.includes(keyword)) return [keyword, deeper(value)];
    if (list.includes(keyword) && Array.isArray(value)) return [keyword, value.map(deeper)];
    if (!byName.includes(keyword) || !isObject(value)) return [keyword, value];
    const named = Object.entries(value).map(([name, inner]) => [name, deeper(inner)] as const);
    return [keyword, Object.fromEntries(named)];
  });
  return change(Object.fromEntries(entries));
}

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
