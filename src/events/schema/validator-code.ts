import { charge } from './effort.ts';

/** What is changed in the code that ajv writes. Texts of a schema stay as they are. */
const CHANGED = new RegExp(
  [
    /"(?:[^"\\]|\\.)*"/,
    /vErrors === null \? (?<part>[\w.]+)\.errors : vErrors\.concat\(\k<part>\.errors\)/,
    // Undefined where a reference has evaluated nothing: setting an entry of it would throw.
    /\b(?<evaluated>props\d+)(?=\[key\d+\] = true)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** Mends the code of a validator, which must have {@link collect}. */
export function mendCode(code: string): string {
  return code.replace(CHANGED, (found, part?: string, evaluated?: string) => {
    if (part) return `self.collect(vErrors, ${part})`;
    return evaluated ? `(${evaluated} ??= {})` : found;
  });
}

/** Most errors that are taken of a part, where there are others. */
const MOST = 100;

/**
 * Adds the errors of a part to those before it. ajv itself copies them all for each part: the time
 * of that grows with the square of their number.
 */
export function collect(errors: unknown[] | null, part: { errors: unknown[] | null }): unknown[] {
  const more = part.errors ?? [];
  // They would be kept until the next check.
  part.errors = null;
  if (!errors) return more;
  charge(Math.min(more.length, MOST) / 4);
  errors.push(...more.slice(0, MOST));
  return errors;
}
