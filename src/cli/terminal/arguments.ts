import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../text/duration.ts';
import { CommandError, EXIT } from './output.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const isId = (text: string): boolean => uuid.test(text);

/**
 * Reads an id that was typed; what can't be one is wrong usage, before anything is asked.
 *
 * @param where a sentence that says what shows them
 */
export const idFrom =
  (where: string) =>
  (text: string): string => {
    if (isId(text)) return text;
    throw new InvalidArgumentError(
      `It must be an id such as 01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70. ${where}`,
    );
  };

/** The same for several. */
export const idsFrom =
  (where: string) =>
  (text: string, before: string[] = []): string[] => [...before, idFrom(where)(text)];

/** Reads names that are separated by commas. @param what they are names of */
export const namesIn =
  (what: string) =>
  (text: string): string[] => {
    const names = text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    if (names.length > 0) return names;
    throw new InvalidArgumentError(`It names no ${what}.`);
  };

/**
 * A moment in the past: RFC 3339 with its offset, a day, or how long ago (`2h`, `3d`).
 *
 * @param option named where it can't be meant
 * @returns RFC 3339, UTC
 * @throws CommandError
 */
export function parsePastTime(option: string, text: string): string {
  const ago = parseDuration(text);
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text);
  const at =
    ago === undefined ? momentIn(isDay ? `${text}T00:00:00Z` : text) : momentAt(Date.now() - ago);
  if (at !== undefined) return at;
  const wanted =
    'a moment with its offset such as 2024-01-15T12:00:00Z, a day such as 2024-01-15 (UTC), or ' +
    'how long ago such as 2h';
  throw new CommandError(`${option} ${JSON.stringify(text)} must be ${wanted}`, EXIT.usage);
}

/**
 * A moment ahead, typed as a duration such as `2h` or `30d`.
 *
 * @returns RFC 3339, UTC
 */
export function parseAhead(text: string): string {
  const at = momentAt(Date.now() + (parseDuration(text) ?? Number.NaN));
  if (at !== undefined) return at;
  throw new InvalidArgumentError('It must be a duration such as 30m, 2h or 30d.');
}

/**
 * RFC 3339 with its offset, whose day there is: `2024-02-30` would be taken for the first of March.
 *
 * @returns the same in UTC; undefined where it is none
 */
export function momentIn(text: string): string | undefined {
  const [, day] = /^(\d{4}-\d\d-\d\d)T.*(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const isThere = day !== undefined && momentAt(Date.parse(`${day}T00:00Z`))?.startsWith(day);
  return isThere ? momentAt(Date.parse(text)) : undefined;
}

/** RFC 3339, UTC; undefined beyond the years that it can say. */
export function momentAt(milliseconds: number): string | undefined {
  const at = new Date(milliseconds);
  const text = Number.isNaN(at.getTime()) ? '' : at.toISOString();
  return /^(?!0000)\d{4}-/.test(text) ? text : undefined;
}
