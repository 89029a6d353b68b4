import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonSchema, mapSchemas } from '../keywords.ts';

/** What says something of a schema, and decides nothing. */
const notes = new Set(
  (
    '$comment $schema $id contentEncoding contentMediaType contentSchema default deprecated ' +
    'description examples readOnly title writeOnly'
  ).split(' '),
);

const isNote = (keyword: string) => notes.has(keyword) || keyword.startsWith('x-');

const withoutNotes = (schema: JsonSchema): JsonSchema =>
  mapSchemas(schema, (part) =>
    Object.fromEntries(Object.entries(part).filter(([keyword]) => !isNote(keyword))),
  ) as JsonSchema;

/** A part of a schema: it has no `$ref` and no `allOf`. */
export interface Part {
  schema: JsonSchema;
  /** Where it is, for what is told. */
  path: string[];
}

/** Thrown where it can't be said what a part demands. Its message says why. */
export class UndecidedError extends Error {
  override name = 'UndecidedError';
}

/** One of the two schemas that are compared, with what its references lead to. */
export class Side {
  readonly root: JsonSchema;
  /** Whether any part refers to another. */
  readonly hasReferences: boolean;

  constructor(schema: JsonSchema) {
    this.root = withoutNotes(schema);
    this.hasReferences = /"\$(dynamicR|r)ef":/.test(JSON.stringify(this.root));
  }

  /**
   * All that a value must fit at once: the schema itself, what it refers to, and its `allOf`.
   *
   * @returns 'nothing' where no value fits
   * @throws UndecidedError
   */
  parts(schema: unknown, path: string[], seen: unknown[] = []): Part[] | 'nothing' {
    if (schema === false) return 'nothing';
    if (!isObject(schema)) return [];
    if (seen.includes(schema)) throw new UndecidedError('it refers to itself');
    if ('$dynamicRef' in schema) throw new UndecidedError('it has a $dynamicRef');
    const { $ref, allOf = [], ...rest } = schema;
    const referred =
      $ref === undefined ? [] : [this.parts(this.#target($ref), path, [...seen, schema])];
    const all = (allOf as unknown[]).map((one, place) =>
      this.parts(one, [...path, 'allOf', String(place)], [...seen, schema]),
    );
    const found = [...referred, ...all];
    if (found.includes('nothing')) return 'nothing';
    return [{ schema: rest, path }, ...(found as Part[][]).flat()];
  }

  /** @throws UndecidedError */
  #target(ref: unknown): unknown {
    const [start, ...steps] = decodeURIComponent(String(ref)).split('/');
    if (start !== '#') throw new UndecidedError('it refers to an anchor');
    return steps
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((value, step) => Reflect.get(Object(value), step), this.root);
  }
}

/** Compares parts of two schemas word for word. */
export function comparing(older: Side, newer: Side): (old: unknown, now: unknown) => boolean {
  const mayRefer = older.hasReferences || newer.hasReferences;
  // What they refer to may differ, unless the whole is the same.
  const isTrusted = !mayRefer || isDeepStrictEqual(older.root, newer.root);
  return (old, now) => isTrusted && isDeepStrictEqual(old, now);
}

const ALL_TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string'];

/** The types of values that fit all of these. `integer` is there instead of `number`. */
export function typesOf(parts: Part[]): string[] {
  return parts.reduce<string[]>((types, { schema }) => {
    if (schema.type === undefined) return types;
    const own = [schema.type].flat() as string[];
    return types.flatMap((type) => {
      if (own.includes(type) || (type === 'integer' && own.includes('number'))) return [type];
      return type === 'number' && own.includes('integer') ? ['integer'] : [];
    });
  }, ALL_TYPES);
}

/** The only values that fit, where one of the parts lists them. */
export function valuesOf(parts: Part[]): unknown[] | undefined {
  for (const { schema } of parts) {
    if ('const' in schema) return [schema.const];
    if (Array.isArray(schema.enum)) return schema.enum;
  }
  return undefined;
}
