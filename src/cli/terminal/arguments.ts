import { InvalidArgumentError } from 'commander';
import ms, { type StringValue } from 'ms';
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

/**
 * A moment in the past: RFC 3339 with its offset, a day, or how long ago (`2h`, `3d`).
 *
 * @param option named where it can't be meant
 * @returns RFC 3339, UTC
 * @throws CommandError
 */
export function parsePastTime(option: string, text: string): string {
  const ago = /^\d+(\.\d+)?\s*[a-z]+$/i.test(text) ? ms(text as StringValue) : undefined;
  if (typeof ago === 'number' && Number.isFinite(ago))
    return new Date(Date.now() - ago).toISOString();
  const isKnown = /^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text);
  if (isKnown && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
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
  const ahead = /^\d+(\.\d+)?\s*[a-z]+$/i.test(text) ? ms(text as StringValue) : undefined;
  if (typeof ahead === 'number' && Number.isFinite(ahead))
    return new Date(Date.now() + ahead).toISOString();
  throw new InvalidArgumentError('It must be a duration such as 30m, 2h or 30d.');
}
