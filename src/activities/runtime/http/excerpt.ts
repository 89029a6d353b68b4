import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';
import type { Dispatcher } from 'undici';

/** Bytes that are kept of a body, decompressed; and bytes that are read of a compressed one. */
export const EXCERPT = 1024;
const COMPRESSED = 8 * 1024;

/** Longest wait for the beginning of a body once its status has come, in ms. */
const BODY_MS = 1000;

/** Decompresses no more than is kept. A body that breaks off gives what came of it. */
const SMALL = { chunkSize: EXCERPT, finishFlush: constants.Z_SYNC_FLUSH };

const decompressors = new Map<string, (bytes: Buffer) => NodeJS.ReadWriteStream>([
  ['gzip', () => createGunzip(SMALL)],
  ['x-gzip', () => createGunzip(SMALL)],
  ['deflate', (bytes) => (hasZlibHeader(bytes) ? createInflate(SMALL) : createInflateRaw(SMALL))],
  [
    'br',
    () =>
      createBrotliDecompress({ chunkSize: EXCERPT, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  ],
]);

/** Some servers leave it out. */
export const hasZlibHeader = ([first = 0]: Buffer): boolean => (first & 0x0f) === 8;

/**
 * The beginning of a response's body as text: decompressed, in its own charset, and no more than
 * comes within a second. A body that breaks off changes nothing, for the status is the answer.
 *
 * @returns null if the body is empty or unreadable
 */
export async function excerptOf({
  body,
  headers,
}: Pick<Dispatcher.ResponseData, 'body' | 'headers'>): Promise<string | null> {
  const header = (name: string) => String([headers[name]].flat()[0] ?? '').toLowerCase();
  const coding = header('content-encoding').trim();
  const isPlain = coding === '' || coding === 'identity';
  const decompressor = decompressors.get(coding);
  const timer = setTimeout(() => body.destroy(), BODY_MS);
  const read = await readBeginning(body as AsyncIterable<Buffer>, isPlain ? EXCERPT : COMPRESSED);
  clearTimeout(timer);
  if (!isPlain && !decompressor) return null;
  const bytes = decompressor && read.length > 0 ? await pass(read, decompressor(read)) : read;
  return decode(bytes, header('content-type')).replaceAll('\0', '') || null;
}

async function pass(bytes: Buffer, stream: NodeJS.ReadWriteStream): Promise<Buffer> {
  stream.end(bytes);
  return await readBeginning(stream as unknown as AsyncIterable<Buffer>, EXCERPT);
}

/** Leaving the loop destroys the stream. */
async function readBeginning(chunks: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const kept: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      kept.push(chunk);
      size += chunk.length;
      if (size >= most) break;
    }
  } catch {}
  return Buffer.concat(kept).subarray(0, most);
}

/**
 * Decodes in the charset of the content type. If it names none, or an unknown one, decodes as UTF-8
 * where that is valid, else as Latin-1.
 */
function decode(bytes: Buffer, contentType: string): string {
  const [, label = ''] = /;\s*charset\s*=\s*"?([^\s";]+)/.exec(contentType) ?? [];
  if (label !== '' && !/^utf-?8$/.test(label)) {
    try {
      return new TextDecoder(label).decode(bytes);
    } catch {}
  }
  try {
    // Streaming accepts a character that was cut off at the end.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder(label === '' ? 'latin1' : 'utf-8').decode(bytes);
  }
}
