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
