import { isDeepStrictEqual } from 'node:util';
import type { Issue } from '../../issue.ts';
import { compileCheck } from '../check.ts';
import { EffortError, withinEffort } from '../effort.ts';
import type { JsonSchema } from '../keywords.ts';
import {
  type Demand,
  reason,
  requiredReasons,
  scalarReasons,
  undecided,
  wordForWord,
} from './demands.ts';
import { isSaid, namedIn, schemasOf, unnamedIn } from './properties.ts';
import { comparing, type Part, Side, typesOf, UndecidedError, valuesOf } from './side.ts';

/** Comparisons of two parts that are made. What is left then can't be decided. */
const MOST_STEPS = 5000;

/** What it counts as that a schema is compiled. */
const COMPILING = 50;

/**
 * Why payloads that fit the older schema may not fit the newer one; nothing: all of them do. What
 * can't be decided is a reason too. Paths are those within the newer schema.
 *
 * One thing is taken for granted: where the older schema says nothing of other fields
 * (`additionalProperties`), payloads had none. So a new field that may be left out is compatible.
 *
 * @param older,newer schemas without issues: see `schemaIssues`
 */
export function incompatibilities(older: JsonSchema, newer: JsonSchema): Issue[] {
  const reasons = new Comparison(older, newer).run();
  return [...new Map(reasons.map((one) => [`${one.path}\n${one.message}`, one])).values()];
}

/** Two places of which the newer must take whatever the older takes. */
interface Place {
  /** Schemas that an older value fits all of. */
  olds: unknown[];
  newer: unknown;
  path: string[];
  depth: number;
}

class Comparison {
  readonly #older: Side;
  readonly #newer: Side;
  readonly #isSame: (old: unknown, now: unknown) => boolean;
  /** What is being compared, and how deep in the payload it began. */
  readonly #begun = new Map<string, number>();
  readonly #ids = new WeakMap<object, number>();
  #nextId = 0;
  #steps = 0;

  constructor(older: JsonSchema, newer: JsonSchema) {
    this.#older = new Side(older);
    this.#newer = new Side(newer);
    this.#isSame = comparing(this.#older, this.#newer);
  }

  run(): Issue[] {
    const place = { olds: [this.#older.root], newer: this.#newer.root, path: [], depth: 0 };
    try {
      return withinEffort(() => this.#compare(place));
    } catch (error) {
      if (error instanceof EffortError || error instanceof RangeError)
        return [undecided([], 'that takes too long')];
      throw error;
    }
  }

  /** Schemas may lead back to themselves: further down the same holds, if all else does. */
  #compare(place: Place): Issue[] {
    const { olds, newer, path, depth } = place;
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) return [undecided(path, 'there are too many cases')];
    if (newer === true || olds.some((old) => this.#isSame(old, newer))) return [];
    const key = [...olds, newer].map((one) => this.#idOf(one)).join(' ');
    const above = this.#begun.get(key);
    if (above !== undefined) return above < depth ? [] : [undecided(path, 'it refers to itself')];
    this.#begun.set(key, depth);
    try {
      return this.#compareParts(place);
    } catch (error) {
      if (error instanceof UndecidedError) return [undecided(path, error.message)];
      throw error;
    } finally {
      this.#begun.delete(key);
    }
  }

  #idOf(schema: unknown): unknown {
    if (typeof schema !== 'object' || schema === null) return schema;
    const id = this.#ids.get(schema) ?? this.#nextId++;
    this.#ids.set(schema, id);
    return id;
  }

  #compareParts({ olds, newer, path, depth }: Place): Issue[] {
    const found = olds.map((old) => this.#older.parts(old, []));
    if (found.includes('nothing')) return [];
    const parts = this.#newer.parts(newer, path);
    if (parts === 'nothing') return [reason(path, 'takes nothing any more')];
    const known = (found as Part[][]).flat();
    const values = valuesOf(known);
    if (values) return this.#compareValues(values, newer, path);
    return parts.flatMap((part) => this.#meet({ known, part, types: typesOf(known), depth }));
  }

  /** The older values are listed: each of them is tried. */
  #compareValues(values: unknown[], newer: unknown, path: string[]): Issue[] {
    const { $defs = {}, definitions = {} } = this.#newer.root;
    if (/"\$ref":"(?!#\/(\$defs|definitions)\/)/.test(JSON.stringify([newer, $defs, definitions])))
      return [undecided(path, 'it refers to another place')];
    this.#steps += COMPILING;
    const check = compileCheck({ $defs, definitions, allOf: [newer] });
    const refused = values.filter((value) => check(value).length > 0);
    if (refused.length === 0) return [];
    const told = refused.slice(0, 5).map((value) => JSON.stringify(value).slice(0, 40));
    return [reason(path, `no longer takes ${told.join(', ')}`)];
  }

  /** Whether known values meet what a newer part demands: at once, or case by case. */
  #meet(demand: Demand): Issue[] {
    const { known, part, types, depth } = demand;
    if (types.length === 0) return [];
    const reasons = [
      ...scalarReasons(demand),
      ...this.#listReasons(demand),
      ...this.#objectReasons(demand),
      ...this.#choiceReasons(demand),
      ...wordForWord(demand, this.#isSame),
    ];
    const cases = reasons.length > 0 ? this.#casesOf(known) : undefined;
    if (!cases) return reasons;
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) return reasons;
    const failing = cases.find(
      (one) => this.#meet({ known: one, part, types: typesOf(one), depth }).length > 0,
    );
    return failing ? reasons : [];
  }

  /** The older values by the alternative that they fit, where there is one. */
  #casesOf(known: Part[]): Part[][] | undefined {
    const place = known.findIndex(({ schema }) => 'anyOf' in schema || 'oneOf' in schema);
    if (place < 0) return undefined;
    const { schema, path } = known[place]!;
    const keyword = 'anyOf' in schema ? 'anyOf' : 'oneOf';
    const { [keyword]: branches, ...rest } = schema;
    const others = known.with(place, { schema: rest, path });
    return (branches as unknown[]).flatMap((branch) => {
      const parts = this.#older.parts(branch, []);
      return parts === 'nothing' ? [] : [[...others, ...parts]];
    });
  }

  #listReasons({ known, part: { schema, path }, types, depth }: Demand): Issue[] {
    if (!types.includes('array')) return [];
    const olds = known.map((one) => one.schema);
    const longest = Math.max(...[schema, ...olds].map((one) => firstItems(one).length));
    const most = Math.min(...olds.map((old) => Number(old.maxItems ?? Number.POSITIVE_INFINITY)));
    // The last of them stands for all that follow.
    const places = Array.from({ length: longest + 1 }, (_, place) => place);
    return places
      .filter((place) => place < most)
      .flatMap((place) =>
        this.#compare({
          olds: olds.map((old) => itemAt(old, place).schema),
          newer: itemAt(schema, place).schema,
          path: [...path, ...itemAt(schema, place).path],
          depth: depth + 1,
        }),
      );
  }

  #objectReasons(demand: Demand): Issue[] {
    const { known, part, types, depth } = demand;
    if (!types.includes('object')) return [];
    const olds = known.map((one) => one.schema);
    const names = namedIn([...olds, part.schema]).filter((name) =>
      olds.some((old) => isSaid(old, name)),
    );
    const named = names.flatMap((name) =>
      schemasOf(part.schema, name).flatMap((newer) =>
        this.#compare({
          olds: olds.flatMap((old) => schemasOf(old, name)),
          newer,
          path: [...part.path, 'properties', name],
          depth: depth + 1,
        }),
      ),
    );
    return [...requiredReasons(demand), ...named, ...this.#unnamedReasons(demand)];
  }

  /** Fields that no schema names. */
  #unnamedReasons({ known, part: { schema, path }, depth }: Demand): Issue[] {
    const olds = known.length > 0 ? known.map((one) => one.schema) : [{}];
    return unnamedIn(schema).flatMap((unnamed) => {
      const at = [...path, ...unnamed.path];
      const found = olds.map((old) =>
        unnamed
          .before(old)
          .flatMap((before) =>
            this.#compare({ olds: [before], newer: unnamed.schema, path: at, depth: depth + 1 }),
          ),
      );
      return found.some((reasons) => reasons.length === 0) ? [] : found[0]!;
    });
  }

  /** `anyOf`: one alternative takes all. `oneOf`: and the others take nothing of it. */
  #choiceReasons({ known, part: { schema, path }, depth }: Demand): Issue[] {
    const olds = known.map((one) => one.schema);
    return ['anyOf', 'oneOf'].flatMap((keyword) => {
      const branches = schema[keyword] as unknown[] | undefined;
      if (!branches || olds.some((old) => this.#isSame(old[keyword], branches))) return [];
      const takes = branches.findIndex(
        (newer) => this.#compare({ olds, newer, path, depth }).length === 0,
      );
      const others = keyword === 'oneOf' ? branches.filter((_, place) => place !== takes) : [];
      if (takes >= 0 && others.every((other) => this.#areApart(known, other))) return [];
      return [reason([...path, keyword], 'may not take all that was taken before')];
    });
  }

  /** Whether no known value fits the newer schema: by its type, or by a field that tells. */
  #areApart(known: Part[], newer: unknown): boolean {
    const parts = this.#newer.parts(newer, []);
    if (parts === 'nothing') return true;
    const types = typesOf(known).filter((type) => typesOf(parts).some((one) => overlap(one, type)));
    if (types.some((type) => type !== 'object')) return false;
    const required = known.flatMap(({ schema }) => (schema.required as string[]) ?? []);
    return types.length === 0 || required.some((name) => this.#differIn(name, known, parts));
  }

  #differIn(name: string, known: Part[], parts: Part[]): boolean {
    const before = valuesAt(this.#older, known, name);
    const now = valuesAt(this.#newer, parts, name);
    if (!before || !now) return false;
    return !before.some((one) => now.some((other) => isDeepStrictEqual(one, other)));
  }
}

const overlap = (one: string, other: string): boolean =>
  one === other || [one, other].every((type) => type === 'number' || type === 'integer');

const firstItems = (schema: JsonSchema): unknown[] => (schema.prefixItems as unknown[]) ?? [];

/** What the entry at that place of a list must be, and where that is said. */
function itemAt(schema: JsonSchema, place: number): { schema: unknown; path: string[] } {
  const first = firstItems(schema);
  return place < first.length
    ? { schema: first[place], path: ['prefixItems', String(place)] }
    : { schema: schema.items ?? true, path: ['items'] };
}

/** The only values that a field may have, where they are listed. */
function valuesAt(side: Side, parts: Part[], name: string): unknown[] | undefined {
  const found = parts
    .flatMap(({ schema }) => schemasOf(schema, name))
    .map((schema) => side.parts(schema, []));
  return found.includes('nothing') ? [] : valuesOf((found as Part[][]).flat());
}
