import { startingWith } from './ahead.ts';
import { createDecoder, type Decoded, inBytes, peek } from './encoding.ts';

/** One line of a file. */
export interface Line extends Decoded {
  /** From 1. */
  number: number;
  /** Without its line end. Cut off where `overlong`. */
  text: string;
  overlong: boolean;
  /** The last one of the file, without a line end: there may be more of it to come. */
  unended?: boolean;
}

/** A line beyond this can't be a message: the API takes bodies of up to 256 KiB. In bytes. */
const LONGEST_LINE = 1024 * 1024;

/**
 * Splits a stream of bytes into lines without ever holding more than one line and one chunk.
 *
 * CRLF and a last line without an end are fine. So is CR alone, in a file that begins without any
 * LF.
 *
 * @param options.encoding what a line is read as that is no UTF-8, such as `latin1` (default
 * windows-1252); a file in UTF-16 is detected
 * @param options.longest longest line kept, in bytes (default 1 MiB); the rest of a longer one is
 * read and dropped
 */
export function readLines(
  chunks: AsyncIterable<Uint8Array>,
  options: { encoding?: string; longest?: number } = {},
): AsyncGenerator<Line> {
  return linesOf(inBytes(chunks, options.encoding), options);
}

/** The same of bytes that `inBytes` has looked at. */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  options: { encoding?: string; longest?: number } = {},
): AsyncGenerator<Line> {
  const longest = options.longest ?? LONGEST_LINE;
  const decode = createDecoder(options.encoding);
  let number = 0;
  const { head, rest } = await peek(bytes, HEAD);
  const end = endOf(head.subarray(0, HEAD));
  const pieces = split(startingWith([head], rest), end, longest);
  for await (const { bytes: piece, overlong, unended } of pieces) {
    number += 1;
    const line = decode(piece.at(-1) === CR ? piece.subarray(0, -1) : piece);
    // A cut may go through a character: that is no other encoding.
    yield overlong
      ? { number, text: line.text, overlong }
      : { number, ...line, overlong, ...(unended && { unended }) };
  }
}

const LF = 0x0a;
const CR = 0x0d;

/** Bytes looked at to find out how lines end. */
const HEAD = 64 * 1024;

/** The last byte of a line end. A CR that is the last byte may be the first of two. */
const endOf = (head: Uint8Array): number =>
  head.includes(LF) || !head.subarray(0, -1).includes(CR) ? LF : CR;

interface Piece {
  bytes: Uint8Array;
  overlong: boolean;
  unended?: boolean;
}

async function* split(
  chunks: AsyncIterable<Uint8Array>,
  lineEnd: number,
  longest: number,
): AsyncGenerator<Piece> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const keep = (part: Uint8Array) => {
    // One more than the longest: it may be the CR of the line's end.
    const room = Math.max(0, longest + 1 - Math.min(length, longest + 1));
    if (part.length > 0 && room > 0) parts.push(part.subarray(0, room));
    length += part.length;
  };
  const take = (): Piece => {
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    const overlong = length > longest && !(length === longest + 1 && bytes.at(-1) === CR);
    parts = [];
    length = 0;
    return { bytes: overlong ? bytes.subarray(0, longest) : bytes, overlong };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(lineEnd); end >= 0; end = chunk.indexOf(lineEnd, from)) {
      keep(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    keep(chunk.subarray(from));
  }
  if (length > 0) yield { ...take(), unended: true };
}
