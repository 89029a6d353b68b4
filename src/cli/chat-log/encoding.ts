import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { readAhead, startingWith } from './ahead.ts';

/** What a line is read as that is no UTF-8, unless another encoding is told. It has every byte. */
const FALLBACK = 'windows-1252';

/** Bytes looked at to find out whether a file is UTF-16. */
const HEAD = 4096;

/** A text, and its bytes where they were no UTF-8: what was made of these is a guess. */
export interface Decoded {
  text: string;
  foreign?: Uint8Array;
}

/** How ISO-2022-JP begins its characters of Japanese. Its bytes are all ASCII. */
const JAPANESE = ['\x1b$@', '\x1b$B', '\x1b(J'];

/**
 * Reads lines as UTF-8 or ISO-2022-JP, and those that are neither in the fallback. So a log that
 * changed its encoding over the years is read right. No byte is lost: what the fallback has no
 * character for is read as windows-1252.
 *
 * @param fallback a label of the Encoding Standard (default windows-1252)
 */
export function createDecoder(fallback = FALLBACK): (bytes: Uint8Array) => Decoded {
  const decoder = new TextDecoder(fallback);
  const isSure = ['utf-8', FALLBACK].includes(decoder.encoding);
  const japanese = new TextDecoder('iso-2022-jp');
  return (bytes) => {
    if (isJapanese(bytes)) return { text: japanese.decode(bytes), foreign: bytes };
    if (isUtf8(bytes)) return { text: Buffer.from(bytes).toString() };
    const text = isSure ? '\ufffd' : decoder.decode(bytes);
    return { text: text.includes('\ufffd') ? windows1252(bytes) : text, foreign: bytes };
  };
}

function isJapanese(bytes: Uint8Array): boolean {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return line.includes(0x1b) && JAPANESE.some((mark) => line.includes(mark)) && isAscii(line);
}

/**
 * What windows-1252 has where latin1 has controls: the decoder of Node 20 leaves these as they are.
 */
const BEYOND_LATIN1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

function windows1252(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes).toString('latin1');
  return latin1.replace(
    /[\u0080-\u009f]/g,
    (sign) => BEYOND_LATIN1[sign.charCodeAt(0) - 0x80] ?? '',
  );
}

/**
 * The bytes in an encoding whose line ends are single bytes: UTF-16, with a byte order mark or
 * without, becomes UTF-8, and so does what is told to be one of those. A mark of UTF-8 is left out.
 */
export async function* inBytes(
  chunks: AsyncIterable<Uint8Array>,
  encoding?: string,
): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(chunks, HEAD);
  const wide = wideEncoding(head, encoding);
  const whole = startingWith([head], rest);
  if (!wide) return yield* head[0] === 0xef ? withoutMark(whole) : whole;
  const decoder = new TextDecoder(wide);
  for await (const chunk of whole) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}

/** The encoding of a file whose bytes can't be split into lines as they are. */
export function wideEncoding(head: Uint8Array, told?: string): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const given = told === undefined ? undefined : new TextDecoder(told).encoding;
  if (given?.startsWith('utf-16') || given === 'iso-2022-jp') return given;
  const [little, big] = [signsIn(head, 1), signsIn(head, 0)];
  if (little > 4 * big) return 'utf-16le';
  return big > 4 * little ? 'utf-16be' : undefined;
}

/** Signs that every log has: between words, and around times, authors and fields. */
const SIGNS = Buffer.from('\t\n\r "<>:[{,123456789');

/** Those that are hardly ever the high byte of a character: few of anybody's are there. */
const LOW_ONLY = Buffer.from('",:<>23456789');

/**
 * How many signs stand in a text, read as UTF-16. None where it can't be that, as its high bytes
 * are signs themselves: then a NUL beside a sign is a stray one.
 *
 * @param first where the high bytes begin: 0 or 1
 */
function signsIn(bytes: Uint8Array, first: 0 | 1): number {
  let [signs, strays] = [0, 0];
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const [high, low] = [bytes[i + first]!, bytes[i + 1 - first]!];
    if (high === 0 && SIGNS.includes(low)) signs += 1;
    else if (LOW_ONLY.includes(high)) strays += 1;
  }
  return signs > 4 * strays ? signs : 0;
}

async function* withoutMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(chunks, 3);
  const marked = Buffer.from(head.subarray(0, 3)).equals(Buffer.from([0xef, 0xbb, 0xbf]));
  yield* startingWith([marked ? head.subarray(3) : head], rest);
}

/**
 * The first bytes, at least so many where there are, and what comes after them. What is damaged
 * after some bytes fails once these are read.
 */
export async function peek(
  chunks: AsyncIterable<Uint8Array>,
  bytes: number,
): Promise<{ head: Uint8Array; rest: AsyncIterator<Uint8Array> }> {
  let length = 0;
  const isEnough = (chunk: Uint8Array) => {
    length += chunk.length;
    return length >= bytes;
  };
  const { first, rest } = await readAhead(chunks, isEnough);
  return { head: Buffer.concat(first), rest };
}
