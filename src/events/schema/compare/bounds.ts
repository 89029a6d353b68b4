import { isMultiple } from '../multiples.ts';
import type { Part } from './side.ts';

/** A bound of which a greater one demands more; or a smaller one. */
const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

/** What values each bound is about. */
const ABOUT: Record<string, string> = {
  ...Object.fromEntries(
    ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].map((name) => [name, 'number']),
  ),
  minLength: 'string',
  maxLength: 'string',
  minItems: 'array',
  maxItems: 'array',
  minProperties: 'object',
  maxProperties: 'object',
};

const numbers = (parts: Part[], keyword: string): number[] =>
  parts.flatMap(({ schema }) => (typeof schema[keyword] === 'number' ? [schema[keyword]] : []));

/** Whether older values keep a bound for sure. */
function isKept(parts: Part[], keyword: string, bound: number): boolean {
  const among = (keys: string[], keeps: (n: number) => boolean) =>
    keys.some((key) => numbers(parts, key).some(keeps));
  if (keyword === 'minimum') return among(['minimum', 'exclusiveMinimum'], (n) => n >= bound);
  if (keyword === 'maximum') return among(['maximum', 'exclusiveMaximum'], (n) => n <= bound);
  if (keyword === 'exclusiveMinimum')
    return among(['exclusiveMinimum'], (n) => n >= bound) || among(['minimum'], (n) => n > bound);
  if (keyword === 'exclusiveMaximum')
    return among(['exclusiveMaximum'], (n) => n <= bound) || among(['maximum'], (n) => n < bound);
  if (lower.includes(keyword)) return bound <= 0 || among([keyword], (n) => n >= bound);
  return among([keyword], (n) => n <= bound);
}

/**
 * The bounds of a newer part that older values may not keep.
 *
 * @param types those of the older values
 */
export function brokenBounds(parts: Part[], newer: Part['schema'], types: string[]): string[] {
  return [...lower, ...upper].filter((keyword) => {
    const bound = newer[keyword];
    const about = ABOUT[keyword]!;
    const isAbout = types.includes(about) || (about === 'number' && types.includes('integer'));
    return typeof bound === 'number' && isAbout && !isKept(parts, keyword, bound);
  });
}

/** Whether older numbers are multiples for sure. */
export function areMultiples(parts: Part[], of: number, types: string[]): boolean {
  const isWhole = !types.includes('number');
  const known = [...numbers(parts, 'multipleOf'), ...(isWhole ? [1] : [])];
  return known.some((one) => isMultiple(one, of));
}
