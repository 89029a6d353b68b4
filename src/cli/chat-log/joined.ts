import type { Line } from './lines.ts';
import {
  type ChatMessage,
  type LineParser,
  type LogLine,
  type Parsed,
  toMessage,
} from './message.ts';
import { plain } from './speech.ts';

/** Beyond this a message is too long, whatever comes. In UTF-16 units. */
const ENOUGH = 100_000;

/** Blank lines that are kept until it is known whether a message goes on after them. */
const BLANKS = 100;

/** A message that may go on in the next line. */
interface Open {
  rows: Line[];
  /** Further lines, which were not kept. */
  more: number;
  message: ChatMessage;
  parsed: Parsed;
}

/**
 * Puts lines that go on with a message together with it. Each line is in one of those that come
 * out, in their order.
 */
export async function* joined(
  rows: AsyncIterable<Line>,
  parse: LineParser,
): AsyncGenerator<LogLine> {
  let open: Open | undefined;
  let blanks: Line[] = [];
  function* close(isLast = false): Generator<LogLine> {
    if (open) yield { ...closed(open), ...(isLast && { begins: beginsOf(open.rows) }) };
    for (const row of blanks) yield logLine([row], { skip: 'blank' });
    open = undefined;
    blanks = [];
  }
  for await (const row of rows) {
    const parsed = row.overlong ? { skip: 'too_long' as const } : parse(row.text);
    if (open && 'continues' in parsed) {
      append(open, [...blanks, row]);
      blanks = [];
    } else if (open && 'skip' in parsed && parsed.skip === 'blank' && blanks.length < BLANKS) {
      blanks.push(row);
    } else {
      yield* close();
      if ('message' in parsed) open = { rows: [row], more: 0, message: parsed.message, parsed };
      else yield logLine([row], 'skip' in parsed ? parsed : { skip: 'unrecognised' });
    }
  }
  yield* close(true);
}

function append(open: Open, rows: Line[]): void {
  for (const row of rows) {
    // What is too long is counted, not kept.
    if (open.message.text.length > ENOUGH) open.more += 1;
    else {
      open.message.text += `\n${plain(row.text)}`;
      open.rows.push(row);
    }
  }
}

function closed({ rows, more, message, parsed }: Open): LogLine {
  const whole = toMessage({ ...message, text: message.text.trimEnd() });
  return logLine(rows, { ...whole, notes: parsed.notes }, more);
}

/**
 * What is at the start of the message if the log goes on: with a line end, further lines may come.
 * A line without one may become longer, or turn out to be another message.
 */
function beginsOf(rows: Line[]): Uint8Array[] {
  const bytes = bytesOf(rows);
  if (!rows.at(-1)?.unended) return [Buffer.concat([bytes, Buffer.from('\n')])];
  const before = rows.slice(0, rows.slice(0, -1).findLastIndex(({ text }) => text.trim()) + 1);
  return before.length > 0 ? [bytes, bytesOf(before)] : [bytes];
}

const bytesOf = (rows: Line[]): Buffer =>
  Buffer.concat(
    rows.flatMap(({ text, foreign }, i) => [
      Buffer.from(i > 0 ? '\n' : ''),
      foreign ?? Buffer.from(text),
    ]),
  );

function logLine(rows: Line[], parsed: Parsed, more = 0): LogLine {
  const isForeign = rows.some(({ foreign }) => foreign);
  return {
    line: rows[0]?.number ?? 0,
    lines: rows.length + more,
    raw: rows.map(({ text }) => text).join('\n'),
    ...parsed,
    ...(isForeign && { foreign: bytesOf(rows) }),
    notes: [...(parsed.notes ?? []), ...(isForeign ? ['fallback_encoding' as const] : [])],
  };
}
