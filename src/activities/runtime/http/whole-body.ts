import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { errorCode } from '../../../db/errors.ts';
import { hasZlibHeader } from './excerpt.ts';

/** A response's body, or why it can't be read. */
export type WholeBody = { text: string } | { unread: 'too long' | 'not unpacked' };

type Unpack = (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>;

const unpackers = new Map<string, Unpack>([
  ['', async (bytes) => bytes],
  ['identity', async (bytes) => bytes],
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', (...of) => promisify(hasZlibHeader(of[0]) ? inflate : inflateRaw)(...of)],
  ['br', promisify(brotliDecompress)],
]);

/**
 * Reads a body to its end, and unpacks it. It is in UTF-8, as JSON is.
 *
 * @param most bytes, packed and unpacked
 * @throws where it breaks off
 */
export async function readWhole(
  { body, headers }: Pick<Dispatcher.ResponseData, 'body' | 'headers'>,
  most: number,
): Promise<WholeBody> {
  const bytes = await readAll(body as AsyncIterable<Buffer>, most);
  if (!bytes) return { unread: 'too long' };
  const coding = String(headers['content-encoding'] ?? '').trim();
  const unpack = unpackers.get(coding.toLowerCase());
  if (bytes.length === 0) return { text: '' };
  if (!unpack) return { unread: 'not unpacked' };
  try {
    // Decoded without the mark of its byte order.
    return { text: new TextDecoder().decode(await unpack(bytes, { maxOutputLength: most })) };
  } catch (error) {
    const isTooLong = errorCode(error) === 'ERR_BUFFER_TOO_LARGE';
    return { unread: isTooLong ? 'too long' : 'not unpacked' };
  }
}

/** @returns null where it is longer */
async function readAll(body: AsyncIterable<Buffer>, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
