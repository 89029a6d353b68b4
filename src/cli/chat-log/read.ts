import { dateInName, moment } from './clock.ts';
import { datedIrcLayout, ircLayout } from './irc.ts';
import { jsonLinesLayout } from './json-lines.ts';
import { type Line, readLines } from './lines.ts';
import type { Parsed } from './message.ts';

/** The layouts of chat logs that are understood; the names are those of `--format`. */
export const FORMATS = ['irc', 'irc-dated', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** A line of the log with what became of it. */
export type LogLine = { line: number; raw: string } & Parsed;

/** Thrown when a file can't be read as a chat log at all; the message says what to do. */
export class ChatLogError extends Error {
  override name = 'ChatLogError';
}

export interface ReadOptions {
  /** Default: found out from the first lines. */
  format?: Format;
  /**
   * `yyyy-mm-dd` of the first line, for logs that write none (default: the date in the file's
   * name).
   */
  date?: string;
  /** The file's name, for its date and for messages; `-` is stdin. */
  name: string;
  /** Default utf-8. */
  encoding?: string;
  /** Told once, before the first line. */
  onFormat?(format: Format): void;
}

/** Lines looked at to find out the layout. */
const SAMPLE = 200;

/**
 * Reads a chat log line by line, each line with its message or the reason why it has none.
 *
 * @throws ChatLogError where the layout is none of the known ones, or has no dates and none was
 * given
 */
export async function* readChatLog(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<LogLine> {
  const lines = readLines(chunks, { encoding: options.encoding });
  const sample: Line[] = [];
  while (!options.format && sample.length < SAMPLE) {
    const next = await lines.next();
    if (next.done) break;
    sample.push(next.value);
  }
  const format = options.format ?? detectFormat(sample, options.name);
  options.onFormat?.(format);
  const parse = layout(format, options);
  for (const line of sample) yield read(line, parse);
  for await (const line of lines) yield read(line, parse);
}

function read(line: Line, parse: (text: string) => Parsed): LogLine {
  const parsed: Parsed = line.overlong ? { skip: 'too_long' } : parse(line.text);
  return { line: line.number, raw: line.text, ...parsed };
}

function layout(format: Format, { name, date }: ReadOptions): (line: string) => Parsed {
  if (format === 'jsonl') return jsonLinesLayout();
  if (format === 'irc-dated') return datedIrcLayout();
  const first = date ?? dateInName(name);
  if (!first) {
    throw new ChatLogError(
      `${shown(name)} has times without dates ("[hh:mm] <nick> text"), and its name has no date: ` +
        'give the day of its first line, such as --date 2009-02-23',
    );
  }
  if (!moment(first, 0, 0, 0))
    throw new ChatLogError(
      `--date ${first} is not a day: it must be yyyy-mm-dd such as 2009-02-23`,
    );
  return ircLayout(first);
}

/** The layout most of the lines are in. @throws ChatLogError where no line is in any */
export function detectFormat(lines: Line[], name: string): Format {
  const written = lines.filter((line) => line.text.trim() !== '');
  if (written.length === 0) return 'jsonl';
  const layouts = {
    irc: ircLayout('2000-01-01'),
    'irc-dated': datedIrcLayout(),
    jsonl: jsonLinesLayout(),
  };
  const scores = FORMATS.map((format) => ({
    format,
    score: written.filter(({ text }) => understands(layouts[format](text))).length,
  }));
  const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
  if (best.score > 0) return best.format;
  throw new ChatLogError(
    `${shown(name)} is in no layout that is understood. Its line ${written[0]?.number} is ` +
      `${JSON.stringify(written[0]?.text.slice(0, 80))}.\n` +
      'Understood are "[hh:mm] <nick> text", "channel yyyy-mm-dd [hh:mm] <nick> text" and JSON ' +
      'lines {"author", "text", "sent_at"?}.\n' +
      `To read it all the same, and skip what is in another layout: --format ${FORMATS.join('|')}`,
  );
}

function understands(parsed: Parsed): boolean {
  return !('skip' in parsed) || !['unrecognised', 'bad_json'].includes(parsed.skip);
}

function shown(name: string): string {
  return name === '-' ? 'What came from stdin' : name;
}
