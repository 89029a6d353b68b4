import type { FileHandle } from 'node:fs/promises';
import { createDecoder } from '../chat-log/encoding.ts';

/** What the directory at the end of a zip says of a file in it. */
export interface ZipEntry {
  name: string;
  encrypted: boolean;
  /** How it is packed: 0 is not at all, 8 is deflate. */
  method: number;
  /** CRC-32 of the unpacked bytes. */
  crc: number;
  packedSize: number;
  size: number;
  /** Where its own header begins. */
  offset: number;
}

/** Why a zip can't be unpacked, and what to do. */
export class BadZip extends Error {
  override name = 'BadZip';
  readonly remedy: string;

  constructor(message: string, remedy = 'Fetch it again.') {
    super(message);
    this.remedy = remedy;
  }
}

const END = Buffer.from([0x50, 0x4b, 5, 6]);
const END_64 = Buffer.from([0x50, 0x4b, 6, 6]);
const LOCATOR_64 = Buffer.from([0x50, 0x4b, 6, 7]);
const ENTRY = Buffer.from([0x50, 0x4b, 1, 2]);
const LOCAL = Buffer.from([0x50, 0x4b, 3, 4]);

/** Of the record at the end, with the longest comment and a zip64 locator. */
const LONGEST_END = 20 + 22 + 65_535;

/** In place of a number that only the zip64 fields can hold. */
const TOO_LARGE = 0xffffffff;

/**
 * The files in a zip, as its directory lists them.
 *
 * @throws BadZip where the directory is not there as a whole
 */
export async function readDirectory(zip: FileHandle): Promise<ZipEntry[]> {
  const { count, offset, length } = await readEnd(zip);
  const directory = await readAt(zip, offset, length);
  const entries: ZipEntry[] = [];
  const decode = createDecoder();
  let at = 0;
  while (at < directory.length) {
    const header = directory.subarray(at);
    expectMark(header, ENTRY);
    const nameEnd = 46 + header.readUInt16LE(28);
    const extraEnd = nameEnd + header.readUInt16LE(30);
    entries.push({
      name: decode(header.subarray(46, nameEnd)).text,
      encrypted: (header.readUInt16LE(8) & 1) === 1,
      method: header.readUInt16LE(10),
      crc: header.readUInt32LE(16),
      ...placeOf(header, header.subarray(nameEnd, extraEnd)),
    });
    at += extraEnd + header.readUInt16LE(32);
  }
  if (entries.length !== count) throw damaged();
  return entries;
}

/** Where the packed bytes of an entry begin. */
export async function dataOf(zip: FileHandle, { offset }: ZipEntry): Promise<number> {
  const header = await readAt(zip, offset, 30);
  expectMark(header, LOCAL);
  return offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function readEnd(zip: FileHandle) {
  const { size } = await zip.stat();
  const from = Math.max(0, size - LONGEST_END);
  const tail = await readAt(zip, from, size - from);
  const at = tail.lastIndexOf(END);
  if (at < 0 || at + 22 > tail.length) throw new BadZip('it is cut off');
  const end = tail.subarray(at);
  const located = at >= 20 && tail.subarray(at - 20, at - 16).equals(LOCATOR_64);
  if (located) return readEnd64(zip, Number(tail.readBigUInt64LE(at - 12)));
  const [length, offset] = [end.readUInt32LE(12), end.readUInt32LE(16)];
  // A zip within one that is cut off has such an end, too.
  if (offset + length !== from + at) throw new BadZip('it is cut off, or damaged');
  return { count: end.readUInt16LE(10), length, offset };
}

async function readEnd64(zip: FileHandle, at: number) {
  const end = await readAt(zip, at, 56);
  expectMark(end, END_64);
  const [count, length, offset] = [32, 40, 48].map((place) => Number(end.readBigUInt64LE(place)));
  if (offset! + length! !== at) throw new BadZip('it is cut off, or damaged');
  return { count: count!, length: length!, offset: offset! };
}

/** What is too large for its field stands in the zip64 field, in this order. */
function placeOf(header: Buffer, extra: Buffer) {
  let at = 4;
  const large = extraField(extra, 1);
  const read = (place: number) => {
    const value = header.readUInt32LE(place);
    if (value !== TOO_LARGE || !large) return value;
    at += 8;
    return Number(large.readBigUInt64LE(at - 8));
  };
  const size = read(24);
  const packedSize = read(20);
  return { size, packedSize, offset: read(42) };
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2))
    if (extra.readUInt16LE(at) === id) return extra.subarray(at);
  return undefined;
}

async function readAt(zip: FileHandle, position: number, length: number): Promise<Buffer> {
  const { size } = await zip.stat();
  if (position + length > size) throw damaged();
  const bytes = Buffer.alloc(length);
  await zip.read(bytes, 0, length, position);
  return bytes;
}

function expectMark(bytes: Buffer, mark: Buffer): void {
  if (!bytes.subarray(0, 4).equals(mark)) throw damaged();
}

export const damaged = (what = 'its directory') => new BadZip(`${what} is damaged`);
