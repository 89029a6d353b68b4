import { isDeepStrictEqual } from 'node:util';
import type { Issue } from '../../issue.ts';
import { areMultiples, brokenBounds } from './bounds.ts';
import type { Part } from './side.ts';

/** A newer part, and all that is known of older values there. */
export interface Demand {
  known: Part[];
  part: Part;
  /** Types of the older values. */
  types: string[];
  /** How deep the value is within the payload. */
  depth: number;
}

export const reason = (path: string[], message: string): Issue => ({
  path: path.join('.'),
  message,
});

export const undecided = (path: string[], why: string): Issue =>
  reason(path, `can't be compared with before: ${why}. That counts as incompatible`);

/** What a value's type, and the value itself, must be. */
export function scalarReasons(demand: Demand): Issue[] {
  const { known, part, types } = demand;
  const { schema, path } = part;
  const isNumber = types.includes('number') || types.includes('integer');
  const of = schema.multipleOf;
  const isMultiple = typeof of !== 'number' || !isNumber || areMultiples(known, of, types);
  return [
    ...typeReasons(demand),
    ...listedReasons(demand),
    ...brokenBounds(known, schema, types).map((keyword) =>
      reason([...path, keyword], 'allows less than before'),
    ),
    ...(isMultiple ? [] : [reason([...path, 'multipleOf'], 'allows less than before')]),
    ...unchangedReasons(demand),
  ];
}

function typeReasons({ part: { schema, path }, types }: Demand): Issue[] {
  if (schema.type === undefined) return [];
  const own = [schema.type].flat();
  const refused = types.filter(
    (type) => !own.includes(type) && !(type === 'integer' && own.includes('number')),
  );
  if (refused.length === 0) return [];
  return [reason([...path, 'type'], `no longer takes ${refused.join(', ')}`)];
}

/** Of these types all values can be named. */
const few: Record<string, unknown[]> = { null: [null], boolean: [true, false] };

function listedReasons({ part: { schema, path }, types }: Demand): Issue[] {
  const listed = 'const' in schema ? [schema.const] : (schema.enum as unknown[] | undefined);
  if (!listed) return [];
  const isTaken = (value: unknown) => listed.some((one) => isDeepStrictEqual(one, value));
  if (types.every((type) => few[type]?.every(isTaken))) return [];
  const keyword = 'const' in schema ? 'const' : 'enum';
  return [reason([...path, keyword], 'takes only what it lists, which was not so before')];
}

/** Keywords that must be as they were, or go, and what values they are about. */
const asBefore: [keyword: string, about: string][] = [
  ['pattern', 'string'],
  ['format', 'string'],
  ['format', 'number'],
  ['format', 'integer'],
  ['uniqueItems', 'array'],
];

function unchangedReasons({ known, part: { schema, path }, types }: Demand): Issue[] {
  return asBefore.flatMap(([keyword, about]) => {
    const now = schema[keyword];
    const isNothing = now === undefined || now === false || !types.includes(about);
    if (isNothing || known.some(({ schema: old }) => old[keyword] === now)) return [];
    return [undecided([...path, keyword], 'it is new or has changed')];
  });
}

const namesIn = (parts: Part[]): string[] =>
  parts.flatMap(({ schema }) => (schema.required as string[] | undefined) ?? []);

/** Fields that must be there. */
export function requiredReasons({ known, part: { schema, path } }: Demand): Issue[] {
  const before = new Set(namesIn(known));
  const now = ((schema.required as string[] | undefined) ?? []).filter((name) => !before.has(name));
  const dependent = Object.entries((schema.dependentRequired as Record<string, string[]>) ?? {});
  const missing = dependent.flatMap(([name, needs]) => {
    const also = known.flatMap(({ schema: old }) => dependentsOf(old, name));
    return needs.filter((need) => !before.has(need) && !also.includes(need));
  });
  return [...now, ...missing].map((name) =>
    reason([...path, 'properties', name], 'is required, and was not before'),
  );
}

const dependentsOf = (schema: Part['schema'], name: string): string[] =>
  (schema.dependentRequired as Record<string, string[]> | undefined)?.[name] ?? [];

/** Keywords that mean something together, and what values they are about. */
const together: { keywords: string[]; about?: string }[] = [
  { keywords: ['not'] },
  { keywords: ['if', 'then', 'else'] },
  { keywords: ['contains', 'minContains', 'maxContains'], about: 'array' },
  { keywords: ['propertyNames'], about: 'object' },
  { keywords: ['dependentSchemas'], about: 'object' },
];

const pick = (schema: Part['schema'], keywords: string[]) =>
  Object.fromEntries(
    keywords.flatMap((keyword) => (keyword in schema ? [[keyword, schema[keyword]]] : [])),
  );

/** What is compatible only where the older schema says the same. */
export function wordForWord(
  { known, part: { schema, path }, types }: Demand,
  isSame: (old: unknown, now: unknown) => boolean,
): Issue[] {
  const changed = together.filter(({ keywords, about }) => {
    const now = pick(schema, keywords);
    if (Object.keys(now).length === 0 || (about && !types.includes(about))) return false;
    return !known.some(({ schema: old }) => isSame(pick(old, keywords), now));
  });
  // What these see depends on all that stands beside them.
  const unevaluated = ['unevaluatedProperties', 'unevaluatedItems'].filter(
    (keyword) => keyword in schema && schema[keyword] !== true,
  );
  return [...changed.map(({ keywords }) => keywords[0]!), ...unevaluated].map((keyword) =>
    undecided([...path, keyword], 'it is new, or something has changed'),
  );
}
