import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { CommandError } from '../terminal/output.ts';
import { BadZip, damaged, dataOf, readDirectory, type ZipEntry } from './zip-directory.ts';

/**
 * Unpacks a zip of any size into a folder, without ever holding more than a chunk of a file. Names
 * that lead out of the folder are left out, and so is what is neither a log nor JSON.
 *
 * @throws CommandError where it is cut off, damaged, encrypted or packed in another way
 */
export async function unzip(file: string, folder: string): Promise<void> {
  const zip = await open(file);
  try {
    for (const entry of await readDirectory(zip)) {
      const path = normalize(entry.name.replaceAll('\\', '/'));
      if (!isWanted(path)) continue;
      checkPacking(entry);
      await unpack(file, entry, await dataOf(zip, entry), join(folder, path));
    }
  } catch (error) {
    // A length in the directory leads out of it.
    const bad = error instanceof RangeError ? damaged() : error;
    if (!(bad instanceof BadZip)) throw error;
    throw new CommandError(`${file} can't be unpacked: ${bad.message}. ${bad.remedy}`);
  } finally {
    await zip.close();
  }
}

const UNPACK = 'Unpack it yourself, and give the folder.';

const STORED = 0;
const DEFLATED = 8;

const OTHER_METHODS: Record<number, string> = {
  9: 'Deflate64',
  12: 'bzip2',
  14: 'LZMA',
  93: 'Zstandard',
  95: 'XZ',
  98: 'PPMd',
};

function checkPacking({ name, encrypted, method }: ZipEntry): void {
  if (encrypted) throw new BadZip(`${name} in it is encrypted`, UNPACK);
  if (method === STORED || method === DEFLATED) return;
  const how = OTHER_METHODS[method] ?? `method ${method}`;
  throw new BadZip(`${name} in it is packed by ${how}, which is not understood`, UNPACK);
}

async function unpack(file: string, entry: ZipEntry, start: number, to: string): Promise<void> {
  const { name, method, packedSize } = entry;
  const end = start + packedSize - 1;
  try {
    mkdirSync(dirname(to), { recursive: true });
    await pipeline(
      packedSize === 0 ? Readable.from([]) : createReadStream(file, { start, end }),
      method === STORED ? new PassThrough() : createInflateRaw(),
      (chunks: AsyncIterable<Uint8Array>) => checked(chunks, entry),
      createWriteStream(to),
    );
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code.startsWith('Z_')) throw damaged(`${name} in it`);
    if (['EEXIST', 'ENOTDIR', 'EISDIR'].includes(code))
      throw new BadZip(`${name} in it is a file and a folder`, UNPACK);
    if (code === 'ENAMETOOLONG') throw new BadZip(`the name ${name} in it is too long`, UNPACK);
    throw error;
  }
}

/** @throws BadZip where the bytes are not those that were packed */
async function* checked(chunks: AsyncIterable<Uint8Array>, { name, size, crc }: ZipEntry) {
  let [read, sum] = [0, 0];
  for await (const chunk of chunks) {
    read += chunk.length;
    sum = crc32(chunk, sum);
    if (read > size) throw damaged(`${name} in it`);
    yield chunk;
  }
  if (read !== size || sum !== crc) throw damaged(`${name} in it`);
}

const isWanted = (path: string) =>
  !(path.endsWith(sep) || path.startsWith('..') || path.startsWith(sep)) &&
  !/^__MACOSX\//.test(path) &&
  !/\.(png|jpe?g|gif|webp|mp4|mov|pdf|zip|docx?|xlsx?|svg|mp3|heic)$/i.test(path);
