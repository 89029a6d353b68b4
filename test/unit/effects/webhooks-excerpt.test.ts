import { Readable } from 'node:stream';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { excerptOf } from '../../../src/activities/runtime/http/excerpt.ts';

type Body = Parameters<typeof excerptOf>[0]['body'];

const excerpt = (bytes: Buffer, headers: Record<string, string> = {}) =>
  excerptOf({ body: Readable.from([bytes]) as unknown as Body, headers });

describe('the excerpt of an answer', () => {
  const text = 'zu viel für heute';

  test.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['identity', Buffer.from(text)],
  ])('is read through %s', async (coding, bytes) => {
    expect(await excerpt(bytes, { 'content-encoding': coding })).toBe(text);
  });

  test.each([
    ['text/plain; charset=ISO-8859-1', Buffer.from(text, 'latin1')],
    ['text/plain; charset="latin1"', Buffer.from(text, 'latin1')],
    ['text/plain; charset=utf-16le', Buffer.from(text, 'utf16le')],
    ['text/plain', Buffer.from(text, 'latin1')],
    ['text/plain', Buffer.from(text)],
    ['text/plain; charset=nonsense', Buffer.from(text)],
  ])('is read in its charset: %s', async (type, bytes) => {
    expect(await excerpt(bytes, { 'content-type': type })).toBe(text);
  });

  test('is no more than 1 KiB of what would be gigabytes, and takes no longer for it', async () => {
    // A thousandfold, and once more so.
    const bomb = gzipSync(Buffer.alloc(20_000_000, 'a'));
    const began = process.memoryUsage().arrayBuffers;
    expect(await excerpt(bomb, { 'content-encoding': 'gzip' })).toBe('a'.repeat(1024));
    expect(process.memoryUsage().arrayBuffers - began).toBeLessThan(5_000_000);
  });

  test('is what there is of one that breaks off, and nothing of what can not be read', async () => {
    const whole = Array.from({ length: 400 }, (_, i) => i * 7919).join(' ');
    const begun = await excerpt(gzipSync(whole).subarray(0, 400), { 'content-encoding': 'gzip' });
    expect(begun?.length).toBeGreaterThan(50);
    expect(whole.startsWith(begun ?? 'x')).toBe(true);
    expect(await excerpt(Buffer.from('not so'), { 'content-encoding': 'gzip' })).toBeNull();
    for (const coding of ['zstd', 'constructor'])
      expect(await excerpt(Buffer.from('something'), { 'content-encoding': coding })).toBeNull();
    expect(await excerpt(Buffer.from(`${'x'.repeat(1023)}é`))).toBe('x'.repeat(1023));
  });
});
