import { createDecoder, type Decoded } from './encoding.ts';
import type { Path } from './mapping.ts';

/** An object of a JSON document, as it is written there. */
export interface JsonRecord extends Decoded {
  /** Where it begins: a line from 1. */
  number: number;
  overlong: boolean;
}

/** The document ended before it was complete: what came before has been read. */
export class CutOff extends Error {
  override name = 'CutOff';
}

/** A record beyond this can't be a message. In bytes. */
const LONGEST = 4 * 1024 * 1024;

const [QUOTE, BACKSLASH, COLON, LF] = [0x22, 0x5c, 0x3a, 0x0a];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * The objects of a list in a JSON document of any length, without ever holding more than one of
 * them. It is no check of the document: each object is parsed by who gets it.
 *
 * @param path the list's place, such as `['messages']`; `[]` where the document is the list
 * @throws CutOff
 */
export async function* readRecords(
  chunks: AsyncIterable<Uint8Array>,
  path: Path,
  encoding?: string,
): AsyncGenerator<JsonRecord> {
  const decode = createDecoder(encoding);
  const scanner = createScanner(path);
  for await (const chunk of chunks)
    for (const { bytes, number, overlong } of scanner.scan(chunk)) {
      const { text, foreign } = decode(bytes);
      yield { number, overlong, text, ...(foreign && !overlong && { foreign }) };
    }
  if (!scanner.isComplete()) throw new CutOff('the JSON document is cut off');
}

interface Found {
  bytes: Uint8Array;
  number: number;
  overlong: boolean;
}

function createScanner(path: Path) {
  const keys: string[] = [];
  let [depth, target, line] = [0, -1, 1];
  let [inString, escaped] = [false, false];
  let word: number[] = [];
  let record: { parts: Uint8Array[]; length: number; number: number; from: number } | undefined;

  const isTarget = () =>
    target < 0 && depth === path.length && path.every((key, i) => keys[i + 1] === String(key));
  const keep = (chunk: Uint8Array, end: number) => {
    if (!record) return;
    const part = chunk.subarray(record.from, end);
    record.length += part.length;
    if (record.length <= LONGEST) record.parts.push(part);
    record.from = 0;
  };
  const open = (byte: number, at: number) => {
    if (depth === target && !record && byte === OPEN)
      record = { parts: [], length: 0, number: line, from: at };
    if (byte === OPEN_LIST && isTarget()) target = depth + 1;
    depth += 1;
  };
  const readString = (byte: number) => {
    if (escaped) escaped = false;
    else if (byte === BACKSLASH) escaped = true;
    else if (byte === QUOTE) inString = false;
    if (inString && !record && word.length < 256) word.push(byte);
  };
  function* scan(chunk: Uint8Array): Generator<Found> {
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (byte === LF) line += 1;
      if (inString) readString(byte);
      else if (byte === QUOTE) {
        inString = true;
        word = [];
      } else if (byte === COLON) keys[depth] = Buffer.from(word).toString();
      else if (byte === OPEN || byte === OPEN_LIST) open(byte, i);
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1;
        if (depth < target) target = -1;
        if (!record || depth !== target) continue;
        keep(chunk, i + 1);
        const { parts, length, number } = record;
        yield { bytes: Buffer.concat(parts), number, overlong: length > LONGEST };
        record = undefined;
      }
    }
    keep(chunk, chunk.length);
  }
  return { scan, isComplete: () => depth === 0 };
}
