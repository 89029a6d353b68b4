import { type JsonSchema, mapSchemas } from './keywords.ts';

/**
 * What the check of one payload may cost. A unit is about 50 ns, so a check ends within 0.1 s. A
 * payload of 256 KiB in a usual schema needs a tenth of it.
 */
const MOST = 2_000_000;

/** Thrown within a check that costs too much. */
export class EffortError extends Error {
  override name = 'EffortError';
}

let left = MOST;

/** Counts what a check has cost. @throws EffortError where that is too much */
export function charge(units: number): void {
  left -= units;
  if (left < 0) throw new EffortError();
}

/** Runs a check that may cost so much. @throws EffortError where it costs more */
export function withinEffort<T>(check: () => T, units = MOST): T {
  left = units;
  return check();
}

/** What a look at a value costs: `base`, and more for each of its entries. */
interface Price {
  base: number;
  entry: number;
}

/** Keywords that look at every key of an object, or every entry of a list. */
const goThroughAll = [
  'additionalProperties',
  'contains',
  'items',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'uniqueItems',
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
  const listed = ['enum', 'required', 'properties', 'dependentRequired', 'dependentSchemas'];
  const base = listed.reduce((sum, keyword) => sum + count(part[keyword]), 1);
  const alternatives = count(part.anyOf) + count(part.oneOf);
  const entry = goThroughAll.filter((keyword) => keyword in part).length;
  return { base: base + ALTERNATIVE * alternatives, entry: entry + count(part.patternProperties) };
}

/** Keywords of somebody's own say nothing about what fits. */
const withoutOwn = (part: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(part).filter(([keyword]) => !keyword.startsWith('x-')));

/** Charges for a look at a value. */
export function pay({ base, entry }: Price, value: unknown): true {
  charge(base + (entry > 0 ? entry * count(value) : 0));
  return true;
}
