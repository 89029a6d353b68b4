import type { Issue } from '../issue.ts';
import { isObject, type JsonSchema, mapSchemas, schemasWithin } from './keywords.ts';

/** A schema within a schema, and where it is. */
export interface Part {
  path: string[];
  schema: JsonSchema;
}

/** The schema and all within it. */
export function partsOf(schema: unknown, path: string[] = []): Part[] {
  if (!isObject(schema)) return [];
  const within = schemasWithin(schema).flatMap((inner) =>
    partsOf(inner.schema, [...path, ...inner.path]),
  );
  return [{ path, schema }, ...within];
}

/**
 * References may lead to schemas alone. Elsewhere, such as in `examples`, nobody has looked at what
 * is there, and it has no price. They may lead back for a part of a value, but not for the value.
 */
export function referenceIssues(parts: Part[]): Issue[] {
  const places = placesOf(parts);
  const leads = new Map(parts.map((part) => [keyOf(part.path), leadsOf(part, places)]));
  return parts.flatMap(({ path, schema }) =>
    ['$ref', '$dynamicRef'].flatMap((keyword) => {
      const message = refMessage(schema[keyword], keyOf(path), places, leads);
      return message ? [{ path: [...path, keyword].join('.'), message }] : [];
    }),
  );
}

function refMessage(
  ref: unknown,
  from: string,
  places: Map<string, string>,
  leads: Map<string, string[]>,
): string | undefined {
  if (typeof ref !== 'string') return undefined;
  const target = places.get(targetOf(ref));
  if (target !== undefined)
    return leadsTo(target, from, leads)
      ? 'leads back to itself for the same value, so a check never ends: refer to it from ' +
          'properties, items or the like'
      : undefined;
  return ref.startsWith('#')
    ? 'leads to no schema within this one'
    : 'must begin with #: nothing is fetched, so put what it means into $defs';
}

const keyOf = (path: string[]): string => JSON.stringify(path);

/** The places of all schemas, by what leads there: their paths and their names. */
function placesOf(parts: Part[]): Map<string, string> {
  const within = parts.flatMap(({ path, schema }) =>
    schemasWithin(schema).map((inner) => keyOf([...path, ...inner.path])),
  );
  const named = parts.flatMap(({ path, schema }) =>
    [schema.$anchor, schema.$dynamicAnchor]
      .filter((name) => name !== undefined)
      .map((name): [string, string] => [`#${name}`, keyOf(path)]),
  );
  return new Map([['#', keyOf([])], ...within.map((key) => [key, key] as const), ...named]);
}

/** Keywords with schemas that the same value must fit. */
const inPlace = ['allOf', 'anyOf', 'dependentSchemas', 'else', 'if', 'not', 'oneOf', 'then'];

/** The schemas that a value is checked against beside this one. */
function leadsOf({ path, schema }: Part, places: Map<string, string>): string[] {
  const within = schemasWithin(schema)
    .filter((inner) => inPlace.includes(inner.path[0]!))
    .map((inner) => keyOf([...path, ...inner.path]));
  const referred = [schema.$ref, schema.$dynamicRef].flatMap((ref) =>
    typeof ref === 'string' ? (places.get(targetOf(ref)) ?? []) : [],
  );
  return [...within, ...referred];
}

function leadsTo(start: string, end: string, leads: Map<string, string[]>): boolean {
  const seen = new Set([start]);
  for (const place of seen) for (const next of leads.get(place) ?? []) seen.add(next);
  return seen.has(end);
}

/** What a reference leads to, as `placesOf` names it. */
function targetOf(ref: string): string {
  const [start = '', ...steps] = ref.split('/');
  if (start !== '#' || steps.length === 0) return ref;
  try {
    return keyOf(
      steps.map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')),
    );
  } catch {
    return '';
  }
}

/**
 * The same schema with references that ajv understands. It knows no name of the whole schema, and
 * takes a `$dynamicRef` for one to the part it is in. Within one schema it means what `$ref` does.
 */
export function plainReferences(schema: JsonSchema): JsonSchema {
  const names = [schema.$anchor, schema.$dynamicAnchor].map((name) => `#${name}`);
  const plain = (ref: unknown) => ({ $ref: names.includes(String(ref)) ? '#' : ref });
  return mapSchemas(schema, ({ $ref, $dynamicRef, ...part }) => {
    const referred = [$ref, $dynamicRef].filter((ref) => ref !== undefined).map(plain);
    if (referred.length < 2) return { ...part, ...referred[0] };
    return { ...part, allOf: [...((part.allOf as unknown[]) ?? []), ...referred] };
  }) as JsonSchema;
}
