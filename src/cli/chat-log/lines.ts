import { TextDecoder } from 'node:util';

/** One line of a file. */
export interface Line {
  /** From 1. */
  number: number;
  /** Without its line end. Cut off where `overlong`. */
  text: string;
  overlong: boolean;
}

/**
 * A line beyond this can't be a message: the API takes bodies of up to 256 KiB. In UTF-16 units.
 */
const LONGEST_LINE = 512 * 1024;

/**
 * Splits a stream of bytes into lines without ever holding more than one line and one chunk.
 *
 * CRLF and a last line without an end are fine. Bytes that are not of the encoding become U+FFFD.
 *
 * @param options.encoding a label of the Encoding Standard, such as `latin1`; a UTF-16 byte order
 * mark beats it (default utf-8)
 * @param options.longest longest line kept, in UTF-16 units (default 524,288); the rest of a longer
 * one is read and dropped
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  options: { encoding?: string; longest?: number } = {},
): AsyncGenerator<Line> {
  const longest = options.longest ?? LONGEST_LINE;
  let number = 0;
  let rest = '';
  let overlong = false;
  for await (const text of decoded(chunks, options.encoding)) {
    const parts = text.split('\n');
    for (const part of parts.slice(0, -1)) {
      number += 1;
      yield cut(number, rest + part, overlong, longest);
      rest = '';
      overlong = false;
    }
    rest += parts.at(-1) ?? '';
    if (rest.length > longest + 1) {
      overlong = true;
      rest = rest.slice(0, longest);
    }
  }
  if (rest !== '') yield cut(number + 1, rest, overlong, longest);
}

function cut(number: number, text: string, overlong: boolean, longest: number): Line {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text;
  return { number, text: line.slice(0, longest), overlong: overlong || line.length > longest };
}

async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  encoding = 'utf-8',
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let first = new Uint8Array();
  for await (const chunk of chunks) {
    if (decoder) yield decoder.decode(chunk, { stream: true });
    else {
      first = Buffer.concat([first, chunk]);
      // Two bytes tell UTF-16; a UTF-8 mark is the decoder's own business.
      if (first.length < 2) continue;
      decoder = new TextDecoder(marked(first) ?? encoding);
      yield decoder.decode(first, { stream: true });
    }
  }
  decoder ??= new TextDecoder(encoding);
  yield first.length < 2 ? decoder.decode(first) : decoder.decode();
}

function marked(start: Uint8Array): string | undefined {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  return undefined;
}
