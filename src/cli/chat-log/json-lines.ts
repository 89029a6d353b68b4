import { inexactNumbers } from '../../messages/inexact-numbers.ts';
import { clean, type Parsed, toMessage } from './message.ts';

/**
 * A JSON object a line: `{author, text, sent_at?, metadata?}`; `timestamp` is taken for `sent_at`.
 * Other fields are left out.
 */
export function jsonLinesLayout(): (line: string) => Parsed {
  return (line) => {
    if (line.trim() === '') return { skip: 'blank' };
    const object = parseObject(line);
    if (!object) return { skip: 'bad_json' };
    if (inexactNumbers(line).some(({ path }) => path.startsWith('metadata.')))
      return { skip: 'inexact' };
    const { author, text } = object;
    const metadata = object.metadata ?? {};
    if (typeof author !== 'string') return { skip: 'no_author' };
    if (typeof text !== 'string') return { skip: 'empty' };
    if (!isObject(metadata)) return { skip: 'bad_metadata' };
    const at = object.sent_at ?? object.timestamp ?? undefined;
    const sent_at = at === undefined ? undefined : readMoment(at);
    if (sent_at === null) return { skip: 'bad_time' };
    return toMessage({ author, text, sent_at, metadata, voice: 'said' });
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line, (_key, inner: unknown) =>
      typeof inner === 'string' ? clean(inner) : inner,
    );
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * RFC 3339, the same without an offset (then UTC), or seconds or milliseconds since 1970. Null
 * where it is none of them.
 */
function readMoment(value: unknown): string | null {
  const given =
    typeof value === 'number'
      ? fromEpoch(value)
      : typeof value === 'string'
        ? fromText(value.trim())
        : Number.NaN;
  const date = new Date(given);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function fromEpoch(value: number): number {
  // In milliseconds 1e11 is a day in 1973, in seconds the year 5138.
  return Math.abs(value) < 1e11 ? value * 1000 : value;
}

function fromText(text: string): number {
  if (/^\d{9,13}(\.\d+)?$/.test(text)) return fromEpoch(Number(text));
  const parts =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(
      text,
    );
  if (!parts) return Number.NaN;
  const [, date = '', time = '00:00', offset = 'Z'] = parts;
  // A date that does not exist, such as 31 February, would roll over.
  if (new Date(`${date}T00:00Z`).getUTCDate() !== Number(date.slice(8))) return Number.NaN;
  return Date.parse(`${date}T${time}${offset.toUpperCase().replace(/^([+-]\d{2}):?/, '$1:')}`);
}
