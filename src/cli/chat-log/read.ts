import { readAhead, startingWith } from './ahead.ts';
import { MissingDay, moment } from './calendar.ts';
import { inBytes, peek } from './encoding.ts';
import { joined } from './joined.ts';
import { jsonParser, mappedReader, ownReader, parseObject, type RecordReader } from './json.ts';
import { CutOff, readRecords } from './json-records.ts';
import { type DayOptions, DIALECTS, FORMATS, type Format, logParser, score } from './layouts.ts';
import { type Line, linesOf } from './lines.ts';
import { type Mapping, type Path, valueAt } from './mapping.ts';
import type { LogLine, Parsed } from './message.ts';
import { isSlack, slackReader, type Users } from './slack.ts';
import { noRecords, shown, unknownJson, unknownText } from './unknown.ts';

export { FORMATS, type Format };

/** Thrown when a file can't be read as a chat log at all; the message says what to do. */
export class ChatLogError extends Error {
  override name = 'ChatLogError';
}

export interface ReadOptions extends DayOptions {
  /** Default: found out from the first lines. */
  format?: Format;
  /** What a line is read as that is no UTF-8 (default windows-1252). */
  encoding?: string;
  /** Where the fields are in JSON of another product. */
  map?: Mapping;
  /** Names of Slack's users. */
  users?: Users;
  /** Told once, before the first line. */
  onFormat?(format: Format): void;
}

/** Lines looked at to find out the layout, and bytes to tell a JSON document from lines. */
const SAMPLE = 200;
const HEAD = 64 * 1024;

/**
 * Reads a chat log line by line, each line with its message or the reason why it has none. It never
 * holds more than a message and a sample.
 *
 * @throws ChatLogError where the layout is none of the known ones, or has no dates and none was
 * given
 */
export async function* readChatLog(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<LogLine> {
  const { head, rest } = await peek(inBytes(chunks, options.encoding), HEAD);
  const list = listOf(Buffer.from(head).toString(), options);
  const bytes = startingWith([head], rest);
  const rows = list ? readRecords(bytes, list, options.encoding) : linesOf(bytes, options);
  try {
    yield* readRows(rows, options, list);
  } catch (error) {
    if (error instanceof CutOff)
      throw new ChatLogError(
        `${shown(options.name)}: ${error.message}: nothing after that could be read.`,
      );
    if (error instanceof MissingDay) throw new ChatLogError(missingDay(options.name));
    throw error;
  }
}

async function* readRows(
  rows: AsyncGenerator<Line>,
  options: ReadOptions,
  list?: Path,
): AsyncGenerator<LogLine> {
  let lines = 0;
  const isEnough = () => {
    lines += 1;
    return lines === SAMPLE;
  };
  const { first: sample, rest } = await readAhead(rows, isEnough);
  // What fails before the first line says more than that there is none.
  if (sample.length === 0) await rest.next();
  if (list && sample.length === 0) throw new ChatLogError(noRecords(options.name, list));
  const format = options.map ? 'json' : (options.format ?? detectFormat(sample, options.name));
  options.onFormat?.(format);
  const all = startingWith(sample, rest);
  const dialect = DIALECTS.find(({ name }) => name === format);
  if (!dialect) return yield* readJson(all, recordReader(format, options));
  checkDate(options.date);
  yield* joined(
    all,
    logParser(
      dialect,
      sample.map(({ text }) => text),
      options,
    ),
  );
}

async function* readJson(rows: AsyncIterable<Line>, read: RecordReader): AsyncGenerator<LogLine> {
  const parse = jsonParser(read);
  for await (const { number, text, overlong, foreign } of rows) {
    const parsed: Parsed[] = overlong ? [{ skip: 'too_long' }] : parse(text);
    for (const one of parsed)
      yield {
        line: number,
        lines: 1,
        raw: text,
        foreign,
        ...one,
        notes: [...(one.notes ?? []), ...(foreign ? ['fallback_encoding' as const] : [])],
      };
  }
}

function recordReader(format: Format, { map, users, zone }: ReadOptions): RecordReader {
  if (map) return mappedReader(map, zone);
  if (format === 'json')
    throw new ChatLogError(
      '--format json needs --map, such as --map author=.user.name,text=.content,sent_at=.timestamp',
    );
  return format === 'slack' ? slackReader(users ?? new Map()) : ownReader(zone);
}

/**
 * Where the messages are in a JSON document: `[]` where it is a list of them. Undefined where the
 * file is no document: then it is read by lines.
 */
function listOf(head: string, { format, map }: ReadOptions): Path | undefined {
  if (format && !['slack', 'json'].includes(format)) return undefined;
  const start = head.trimStart();
  if (map?.records) return map.records;
  if (/^\[\s*[{\]]/.test(start)) return [];
  if (!start.startsWith('{')) return undefined;
  const [first = '', ...others] = start.split('\n', SAMPLE);
  const record = parseObject(first);
  if (record) return Array.isArray(valueAt(record, ['messages'])) ? ['messages'] : undefined;
  const isLines = others.some((line) => line.startsWith('{') && parseObject(line));
  return isLines && !/[[{,]\s*$/.test(first) ? undefined : ['messages'];
}

/** The layout most of the lines are in. @throws ChatLogError where no line is in any */
export function detectFormat(rows: Line[], name: string): Format {
  const written = rows.filter(({ text }) => text.trim() !== '');
  if (written.length === 0) return 'jsonl';
  const texts = written.map(({ text }) => text);
  const records = texts.map(parseObject).filter((record) => record !== undefined);
  const scores = DIALECTS.map((dialect) => ({
    format: dialect.name,
    score: score(dialect, texts),
  }));
  const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
  if (best.score === 0 && records.length === 0) throw new ChatLogError(unknownText(name, written));
  if (best.score > records.length) return best.format;
  if (records.some(isSlack)) return 'slack';
  if (!records.some(({ author, text }) => typeof author === 'string' && typeof text === 'string'))
    throw new ChatLogError(unknownJson(name, records));
  return 'jsonl';
}

function checkDate(date: string | undefined): void {
  if (date !== undefined && moment(date, 0, 0, 0) === undefined)
    throw new ChatLogError(`--date ${date} is not a day: it must be yyyy-mm-dd such as 2009-02-23`);
}

const missingDay = (name: string): string =>
  `${shown(name)} has times without dates ("[hh:mm] <nick> text"), or none that can be read, and ` +
  'its name has no date: ' +
  'give the day of its first line, such as --date 2009-02-23';
