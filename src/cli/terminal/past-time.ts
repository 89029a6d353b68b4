import ms, { type StringValue } from 'ms';
import { CommandError, EXIT } from './output.ts';

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
