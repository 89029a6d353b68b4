import { isObject, type JsonSchema, mapSchemas } from './keywords.ts';

/**
 * What the check of one payload may cost. A unit is about 50 ns, so a check ends within 0.1 s. A
 * payload of 256 KiB in a usual schema needs a tenth of it.
 */
const MOST = 2_000_000;

/** How often the clock is looked at, in units. */
const LOOK_EVERY = 5000;

/** Where the price is wrong all the same, a check ends after so long, in ms. */
const LONGEST = 1000;

/** Thrown within a check that costs too much. */
export class EffortError extends Error {
  override name = 'EffortError';
}

let left = MOST;
let lookAt = 0;
let endsAt = Number.POSITIVE_INFINITY;

/** Counts what a check has cost. @throws EffortError where that is too much */
export function charge(units: number): void {
  left -= units;
  if (left < lookAt) look();
}

function look(): void {
  if (left < 0 || performance.now() > endsAt) throw new EffortError();
  lookAt = Math.max(0, left - LOOK_EVERY);
}

/** Runs a check that may cost so much. @throws EffortError where it costs more */
export function withinEffort<T>(check: () => T, units = MOST): T {
  left = units;
  lookAt = Math.max(0, left - LOOK_EVERY);
  endsAt = performance.now() + LONGEST;
  return check();
}

/** What a look at a value costs: `base`, and more for each of its entries or characters. */
interface Price {
  base: number;
  entry: number;
  character: number;
}

/** Keywords that look at every key of an object, or every entry of a list: what one costs. */
const entryPrices: Record<string, number> = {
  additionalProperties: 5,
  // What it says of an entry that does not fit is kept for a while.
  contains: 5,
  items: 1,
  maxProperties: 1,
  minProperties: 1,
  propertyNames: 5,
  unevaluatedItems: 1,
  unevaluatedProperties: 5,
  uniqueItems: 1,
};

/** What a name costs that is tried by a pattern. */
const NAME = 5;

/** Keywords that look at every character of a text. */
const characterPrices: Record<string, number> = { maxLength: 1 / 10, minLength: 1 / 10 };

/** Keywords of which each part is looked at. */
const listed = [
  ...['allOf', 'dependentRequired', 'dependentSchemas', 'enum', 'prefixItems', 'properties'],
  'required',
];

/** The keyword that has the price. No schema that is sent to us may have it. */
export const PRICE = '$price';

/**
 * A schema that charges for each of its parts that is looked at. Parts that call each other can
 * double the work with each level of a payload, so time alone would not bound it for everybody.
 */
export const priced = (schema: JsonSchema): JsonSchema =>
  mapSchemas(schema, (part) => ({ ...withoutOwn(part), [PRICE]: priceOf(part) })) as JsonSchema;

/** Units for each alternative: what it says of a value that does not fit is kept for a while. */
const ALTERNATIVE = 20;

const count = (value: unknown): number =>
  typeof value === 'object' && value !== null ? Object.keys(value).length : 0;

function priceOf(part: JsonSchema): Price {
  const sum = (prices: Record<string, number>) =>
    Object.entries(prices).reduce((all, [keyword, one]) => (keyword in part ? all + one : all), 0);
  const base = listed.reduce((all, keyword) => all + count(part[keyword]), 1);
  const compared = JSON.stringify([part.const, part.enum, part.dependentRequired]).length / 8;
  const alternatives = count(part.anyOf) + count(part.oneOf);
  // To compare objects takes the names of all that is in them.
  const objects = [part.const, part.enum].flat().filter(isObject).length;
  return {
    base: base + compared + ALTERNATIVE * alternatives,
    entry: sum(entryPrices) + NAME * count(part.patternProperties) + objects,
    character: sum(characterPrices),
  };
}

/** Keywords of somebody's own say nothing about what fits. */
const withoutOwn = (part: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(part).filter(([keyword]) => !keyword.startsWith('x-')));

/** What the entries of a value cost. They are counted only where they cost something. */
const entriesOf = (value: unknown, each: number): number => (each > 0 ? each * count(value) : 0);

/** Charges for a look at a value. */
export function pay({ base, entry, character }: Price, value: unknown): true {
  charge(base + (typeof value === 'string' ? character * value.length : entriesOf(value, entry)));
  return true;
}
