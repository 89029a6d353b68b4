import { closest } from 'fastest-levenshtein';

/**
 * Says which member nobody would read, such as a misspelt option, and a near spelling; undefined:
 * all are known.
 *
 * @param known the names of the members that there are
 */
export function unknownMember(given: object, known: object): string | undefined {
  const names = Object.keys(known);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return undefined;
  return `\`${unknown.slice(0, 100)}\` is unknown; did you mean \`${closest(unknown, names)}\`?`;
}

/** @throws TypeError for what {@link unknownMember} finds */
export function refuseUnknown(what: string, given: object, known: object): void {
  const unknown = unknownMember(given, known);
  if (unknown !== undefined) throw new TypeError(`${what}: ${unknown}`);
}

/** What an option must be, and what it is instead; undefined: it is fine. */
export type Must = (value: unknown) => string | undefined;

const isA =
  (type: string, kind: string): Must =>
  (value) =>
    typeof value === type && value !== null ? undefined : `must be ${kind}, not ${shown(value)}`;

/** Its value is never told: it may be a URL with a password. */
export const aString = isA('string', 'a string');
export const aBoolean = isA('boolean', 'true or false');
export const aFunction = isA('function', 'a function');
export const anObject = isA('object', 'an object');

export const aNumber: Must = (value) =>
  Number.isFinite(value) ? undefined : `must be a number, not ${shown(value)}`;

export const aWholeNumber =
  (least: number, most: number): Must =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}, not ${shown(value)}`;

export const oneOf =
  (...values: string[]): Must =>
  (value) => {
    if (values.includes(value as string)) return undefined;
    const given = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : shown(value);
    return `must be ${values.map((one) => `"${one}"`).join(' or ')}, not ${given}`;
  };

export const anArray: Must = (value) =>
  Array.isArray(value) ? undefined : `must be an array, not ${shown(value)}`;

export const aMoment: Must = (value) =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? undefined : 'must be a valid Date';

/** Where it is checked elsewhere. */
export const anything: Must = () => undefined;

function shown(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  if (Array.isArray(value)) return 'an array';
  return /^[aou]/.test(typeof value) ? `an ${typeof value}` : `a ${typeof value}`;
}

/**
 * Checks options as JavaScript may give them. One that is undefined is left out.
 *
 * @throws TypeError for one that is unknown, or not what it must be
 */
export function checkOptions(what: string, given: object, musts: Record<string, Must>): void {
  const wrong = anObject(given);
  if (wrong) throw new TypeError(`${what}: its options ${wrong}`);
  refuseUnknown(what, given, musts);
  for (const [name, value] of Object.entries(given)) {
    const problem = value === undefined ? undefined : musts[name]?.(value);
    if (problem) throw new TypeError(`${what}: \`${name}\` ${problem}`);
  }
}
