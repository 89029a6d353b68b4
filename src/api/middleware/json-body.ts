import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Context, MiddlewareHandler } from 'hono';
import { inexactNumbers, whyInexact } from '../../messages/inexact-numbers.ts';
import { invalid, Problem } from '../problem.ts';

/** Largest body, in bytes. */
export const BODY_LIMIT = 256 * 1024;

/** A body of more bytes is large: parsing, storing and answering it takes milliseconds. */
const LARGE = 16 * 1024;

let free: Promise<unknown> = Promise.resolve();

/**
 * Large bodies have half of the process' time: after each of them small ones come in, for as long
 * as it has taken.
 */
async function turn(): Promise<void> {
  const mine = free;
  free = mine.then(rest);
  await mine;
}

/** Until what has its turn now has been worked on, and as long again. */
async function rest(): Promise<void> {
  const began = performance.now();
  await setImmediate();
  await setTimeout(performance.now() - began);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const json = /^application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

/**
 * Reads the body as UTF-8 within the limit: 415, 413 and 400 are decided here, before any schema
 * sees it. Its numbers are not looked at.
 */
export const jsonBodyOfMany: MiddlewareHandler = async (c, next) => {
  const { headers } = c.req.raw;
  if (!json.test(headers.get('content-type') ?? ''))
    throw new Problem(415, 'Send JSON, with content-type: application/json.');
  if (headers.get('content-encoding'))
    throw new Problem(415, 'Send the body without a content-encoding.');
  const bytes = new Uint8Array(await read(c.req.raw));
  if (bytes.length > LARGE) await turn();
  if (bytes.length > SHALLOW && isDeep(bytes))
    throw invalid([{ path: '', message: `is nested deeper than ${DEEPEST} levels` }]);
  if (bytes.length === 0) throw new Problem(400, 'The body is missing: send a JSON object.');
  setBody(c, decode(bytes));
  await next();
};

/** Has the body read as that text from then on. */
export function setBody(c: Context, text: string): void {
  // Hono awaits what lies here, whatever its type says.
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
}

/** What a number of the body is called, by where it stands; undefined: nobody reads it. */
type NameOfNumber = (headers: Headers, path: string) => string | undefined;

/** The same, and refuses numbers that JSON readers would round. */
export const exactJsonBody =
  (nameOf: NameOfNumber): MiddlewareHandler =>
  (c, next) =>
    jsonBodyOfMany(c, async () => {
      const named = (path: string) => nameOf(c.req.raw.headers, path);
      const inexact = inexactNumbers(await c.req.text(), undefined, named);
      if (inexact.length > 0)
        throw invalid(
          inexact.map((number) => ({ path: number.path, message: whyInexact(number) })),
        );
      await next();
    });

export const jsonBody = exactJsonBody((_, path) => path);

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Problem(400, 'The body is not UTF-8, and so not JSON.');
  }
}

/**
 * Deepest nesting of a body. Reading one of a hundred thousand levels holds everybody else up for
 * 50 ms.
 */
const DEEPEST = 100;
/** Shorter bodies can't be nested so deep that it costs anything, in bytes. */
const SHALLOW = 4096;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [opening, closing] = [new Set([0x5b, 0x7b]), new Set([0x5d, 0x7d])];

/**
 * Counts brackets outside of strings. What is no JSON may be counted wrong, and is refused anyway.
 */
function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i]!;
    if (byte === QUOTE) i = endOfString(bytes, i);
    else if (opening.has(byte)) depth += 1;
    else if (closing.has(byte)) depth -= 1;
    if (depth > DEEPEST) return true;
  }
  return false;
}

/** Where the string ends that begins there; behind the end where it does not. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (bytes[at - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}

const tooLarge = () =>
  new Problem(413, `The body is larger than ${BODY_LIMIT / 1024} KiB.`, {
    headers: { connection: 'close' },
  });

async function read(request: Request): Promise<ArrayBuffer | Uint8Array> {
  const length = request.headers.get('content-length');
  if (Number(length) > BODY_LIMIT) throw tooLarge();
  try {
    return length === null ? await readChunks(request) : await request.arrayBuffer();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, 'The body ended before it was complete.');
  }
}

/** A body that does not say its length is counted while it comes. */
async function readChunks(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
