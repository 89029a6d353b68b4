import { inexactNumbers } from '../../messages/inexact-numbers.ts';
import { createZone } from '../../text/zone.ts';
import { moment, type Note, placeOf } from './calendar.ts';
import { type Mapping, textAt, valueAt, withReplies } from './mapping.ts';
import { clean, type Parsed, type SkipReason, toMessage } from './message.ts';

export type Fields = Record<string, unknown>;

/** What a layout makes of one record, which may hold several messages. @param raw as written */
export type RecordReader = (record: Fields, raw: string) => Parsed[];

/** Reads a line, or a part of a document, that must be one JSON object. */
export function jsonParser(read: RecordReader): (raw: string) => Parsed[] {
  return (raw) => {
    if (raw.trim() === '') return [{ skip: 'blank' }];
    const record = parseObject(raw);
    return record ? read(record, raw) : [{ skip: 'bad_json' }];
  };
}

/**
 * JSON lines: `{author, text, sent_at?, metadata?}`; `timestamp` is taken for `sent_at`. Other
 * fields are left out.
 *
 * @param zone of times without an offset (default UTC)
 */
export function ownReader(zone?: string): RecordReader {
  const momentOf = createMoments(zone);
  return (record, raw) => {
    const { author, text } = record;
    if (inexactNumbers(raw).some(({ path }) => path.startsWith('metadata.')))
      return [{ skip: 'inexact' }];
    if (author === undefined && text === undefined) return [{ skip: 'no_message' }];
    if (typeof author !== 'string') return [{ skip: 'no_author' }];
    if (typeof text !== 'string') return [{ skip: 'empty' }];
    return [said(author, text, momentOf(record.sent_at ?? record.timestamp), record.metadata)];
  };
}

/** JSON of another product, whose fields the user has named. */
export function mappedReader(mapping: Mapping, zone?: string): RecordReader {
  const momentOf = createMoments(zone);
  return (record, raw) => {
    const path = mapping.metadata?.join('.');
    if (path && inexactNumbers(raw).some((number) => number.path.startsWith(`${path}.`)))
      return [{ skip: 'inexact' }];
    return withReplies(record, mapping.replies).map((one) => {
      const [author, text] = [textAt(one, mapping.author), textAt(one, mapping.text)];
      if (author === undefined) return { skip: text === undefined ? 'no_message' : 'no_author' };
      if (text === undefined) return { skip: 'empty' };
      const at = momentOf(mapping.sent_at && valueAt(one, mapping.sent_at));
      return said(author, text, at, mapping.metadata && valueAt(one, mapping.metadata));
    });
  };
}

function said(author: string, text: string, at: At | null, given: unknown): Parsed {
  const metadata = given ?? {};
  if (!isObject(metadata)) return { skip: 'bad_metadata' satisfies SkipReason };
  if (at === null) return { skip: 'bad_time' };
  const { notes, ...when } = at;
  return { ...toMessage({ author, text, ...when, metadata, voice: 'said' }), notes };
}

export function parseObject(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line, (_key, inner: unknown) =>
      typeof inner === 'string' ? clean(inner) : inner,
    );
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface At {
  sent_at?: string;
  place?: string;
  notes?: Note[];
}

/**
 * Reads RFC 3339, the same without an offset (then of the zone), or seconds, milliseconds,
 * microseconds or nanoseconds since 1970. Null where it is none of them, or of no year in which
 * people chat; empty where there is none.
 */
export function createMoments(zone = 'UTC'): (value: unknown) => At | null {
  const instant = createZone(zone);
  let last = Number.NEGATIVE_INFINITY;
  return (value) => {
    if (value === undefined || value === null) return {};
    const wall = typeof value === 'number' ? fromEpoch(value) : readTime(value);
    if (!wall) return null;
    const { at, note } = wall.local ? instant(wall.ms, last) : { at: wall.ms };
    if (!(at >= 0 && at < YEAR_2101)) return null;
    last = at;
    const place = wall.place ?? placeOf(wall.ms);
    return { sent_at: new Date(at).toISOString(), place, notes: note ? [note] : [] };
  };
}

interface Wall {
  ms: number;
  /** Whether it has no offset. */
  local?: boolean;
  place?: string;
}

const YEAR_2101 = Date.UTC(2101, 0, 1);

/** Of each unit the first value that is one of the next: 1e11 is in seconds the year 5138. */
function fromEpoch(value: number): Wall | undefined {
  const inMs = [
    [1e11, 1000],
    [1e14, 1],
    [1e17, 1e-3],
    [Number.POSITIVE_INFINITY, 1e-6],
  ].find(([below = 0]) => Math.abs(value) < below)?.[1];
  const ms = Math.trunc(value * (inMs ?? Number.NaN));
  return Math.abs(ms) <= 8.64e15 ? { ms } : undefined;
}

function readTime(value: unknown): Wall | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d{9,19}(\.\d{1,9})?$/.test(text)) {
    const wall = fromEpoch(Number(text));
    return wall && { ...wall, place: /\.\d{6}$/.test(text) ? `=${text}` : undefined };
  }
  const parts =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(
      text,
    );
  if (!parts) return undefined;
  const [, date = '', hours = '0', minutes = '0', seconds = '0', offset] = parts;
  const wall = moment(date, Number(hours), Number(minutes), Number(seconds));
  if (wall === undefined) return undefined;
  const ms = offset ? wall - offsetMs(offset) : wall;
  return { ms, local: !offset, place: exact(text) };
}

function offsetMs(offset: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(offset) ?? [];
  return sign ? (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000 : 0;
}

/**
 * A time to the microsecond says by itself which message it is, as Slack's `ts` does: then it is
 * the whole of its identity.
 */
const exact = (text: string): string | undefined =>
  /\.\d{3}\d{0,3}[1-9]/.test(text) ? `=${text}` : undefined;
