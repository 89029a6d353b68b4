import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';
import type { Dispatcher } from 'undici';

/**
 * How much of an answer's body is kept, in bytes once it is decompressed; and how much of a
 * compressed one is read.
 */
const EXCERPT = 1024;
const COMPRESSED = 8 * 1024;

/** How long the beginning of an answer's body is waited for once its status has come, in ms. */
const BODY_MS = 1000;

/** What is not kept is not decompressed either; and what breaks off gives what there is of it. */
const SMALL = { chunkSize: EXCERPT, finishFlush: constants.Z_SYNC_FLUSH };

const decompressions: Record<string, (bytes: Buffer) => NodeJS.ReadWriteStream> = {
  gzip: () => createGunzip(SMALL),
  'x-gzip': () => createGunzip(SMALL),
  // With the head of zlib, as it ought to be, or without.
  deflate: ([first = 0]) => ((first & 0x0f) === 8 ? createInflate(SMALL) : createInflateRaw(SMALL)),
  br: () =>
    createBrotliDecompress({ chunkSize: EXCERPT, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
};

/**
 * The beginning of a body as text, decompressed and in its own charset, as far as it comes within a
 * second. What breaks off after the status came changes nothing: the answer is the status. Null
 * where there is none, or none that can be read.
 */
export async function excerptOf({
  body,
  headers,
}: Pick<Dispatcher.ResponseData, 'body' | 'headers'>): Promise<string | null> {
  const header = (name: string) => String([headers[name]].flat()[0] ?? '').toLowerCase();
  const coding = header('content-encoding').trim();
  const decompression = decompressions[coding];
  const isPlain = coding === '' || coding === 'identity';
  const enough = setTimeout(() => body.destroy(), BODY_MS);
  const read = await beginningOf(body as AsyncIterable<Buffer>, isPlain ? EXCERPT : COMPRESSED);
  clearTimeout(enough);
  if (!isPlain && !decompression) return null;
  const bytes =
    decompression && read.length > 0 ? await decompressed(read, decompression(read)) : read;
  const text = textOf(bytes, header('content-type')).replaceAll('\0', '');
  return text === '' ? null : text;
}

async function decompressed(bytes: Buffer, stream: NodeJS.ReadWriteStream): Promise<Buffer> {
  stream.end(bytes);
  return await beginningOf(stream as unknown as AsyncIterable<Buffer>, EXCERPT);
}

/** As far as it comes: whoever breaks off the loop destroys the stream. */
async function beginningOf(chunks: AsyncIterable<Buffer>, atMost: number): Promise<Buffer> {
  const kept: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      kept.push(chunk);
      size += chunk.length;
      if (size >= atMost) break;
    }
  } catch {}
  return Buffer.concat(kept).subarray(0, atMost);
}

/**
 * In the charset that it says; where it says none, or one that does not exist, UTF-8 where it is,
 * else Latin-1.
 */
function textOf(bytes: Buffer, contentType: string): string {
  const [, label = ''] = /;\s*charset\s*=\s*"?([^\s";]+)/.exec(contentType) ?? [];
  if (label !== '' && !/^utf-?8$/.test(label)) {
    try {
      return new TextDecoder(label).decode(bytes);
    } catch {}
  }
  try {
    // As a stream: a character that was cut off at the end is no fault.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder(label === '' ? 'latin1' : 'utf-8').decode(bytes);
  }
}
