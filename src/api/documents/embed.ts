import {
  isObject,
  type JsonSchema,
  mapSchemas,
  schemasWithin,
} from '../../events/schema/keywords.ts';

/** Names of fields that generators and parsers take for something else than data. */
const MISREAD = /"(\$ref|__proto__)":/;

/** Whether a value of somebody else is only data to those who read a document. */
export const isPlain = (value: unknown): boolean => !MISREAD.test(JSON.stringify(value) ?? '');

/** What means something else in the middle of a document. */
const BOUND = /"(\$(id|anchor|dynamicRef|dynamicAnchor)|__proto__)":/;

/** References of which generators make code that compiles. */
const REFERENCE = /^#(\/\$defs\/[^/%~]+)?$/;

/** Whether parsers and generators understand the schema as a part of a document. */
export function isEmbeddable(schema: JsonSchema): boolean {
  return (
    !BOUND.test(JSON.stringify(schema)) && partsOf(schema).every((part) => isClear(part, schema))
  );
}

const partsOf = (schema: unknown): JsonSchema[] =>
  isObject(schema)
    ? [schema, ...schemasWithin(schema).flatMap((inner) => partsOf(inner.schema))]
    : [];

function isClear(part: JsonSchema, root: JsonSchema): boolean {
  const { $ref = '#', ...others } = part;
  const names = ['$defs', 'definitions', 'properties'].flatMap((keyword) =>
    Object.keys(Object(others[keyword])),
  );
  const within = schemasWithin(others).map(({ path }) => path[0]);
  const values = Object.entries(others).filter(([keyword]) => !within.includes(keyword));
  return (
    REFERENCE.test(String($ref)) &&
    !names.includes('$ref') &&
    isPlain(values) &&
    !leadsToItself(part, root)
  );
}

/** Where a type may name itself, in generated code. */
const fields = ['$defs', 'additionalProperties', 'properties'];

/** What must be known of a type before it is: that of `$defs` is looked up within the root. */
function leadsOf(part: unknown, root: JsonSchema): unknown[] {
  if (!isObject(part)) return [];
  const within = schemasWithin(part).filter(({ path }) => !fields.includes(path[0]!));
  const target = typeof part.$ref === 'string' ? part.$ref.split('/')[2] : undefined;
  const referred = part.$ref === undefined ? [] : [root];
  const named = target === undefined ? [] : [Reflect.get(Object(root.$defs), target)];
  return [...within.map(({ schema }) => schema), ...referred, ...named];
}

function leadsToItself(part: JsonSchema, root: JsonSchema): boolean {
  const seen = new Set(leadsOf(part, root));
  for (const one of seen) for (const next of leadsOf(one, root)) seen.add(next);
  return seen.has(part);
}

/** The schema as a part of a document: what it refers to is further down there. */
export const moved = (schema: JsonSchema, to: string): JsonSchema =>
  mapSchemas(schema, ({ $schema, ...part }) => ({
    ...part,
    ...(typeof part.$ref === 'string' && { $ref: part.$ref.replace(/^#/, to) }),
    ...(isObject(part.$defs) && { $defs: asObjects(part.$defs) }),
    ...(isObject(part.properties) && { properties: asObjects(part.properties) }),
  })) as JsonSchema;

/** Generators do not know `true` and `false` as schemas. */
const asObjects = (schemas: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      if (typeof schema !== 'boolean') return [name, schema];
      return [name, schema ? {} : { not: {} }];
    }),
  );
