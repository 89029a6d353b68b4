import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { Unzip, UnzipInflate } from 'fflate';
import { CommandError } from '../terminal/output.ts';

/**
 * Unpacks a zip of any size into a folder, without ever holding more than a chunk of it. Names that
 * lead out of the folder are left out, and so is what is neither a log nor JSON.
 *
 * @throws CommandError where it is damaged or encrypted
 */
export async function unzip(file: string, folder: string): Promise<void> {
  const open = new Set<string>();
  let failure: Error | undefined;
  const unpacker = new Unzip((entry) => {
    const path = normalize(entry.name.replaceAll('\\', '/'));
    if (path.endsWith(sep) || path.startsWith('..') || path.startsWith(sep) || isOther(path))
      return;
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    const handle = openSync(target, 'w');
    open.add(entry.name);
    entry.ondata = (error, data, final) => {
      failure ??= error ?? undefined;
      if (data) writeSync(handle, data);
      if (!final && !error) return;
      if (open.delete(entry.name)) closeSync(handle);
    };
    entry.start();
  });
  unpacker.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(file)) {
      unpacker.push(chunk);
      if (failure) throw failure;
    }
    unpacker.push(new Uint8Array(), true);
    if (open.size > 0) throw new Error('it is cut off');
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code === 'string') throw error;
    throw new CommandError(
      `${file} can't be unpacked: ${(error as Error).message}. Fetch it again, or unpack it and give ` +
        'the folder.',
    );
  }
}

const isOther = (path: string) =>
  /^__MACOSX\//.test(path) ||
  /\.(png|jpe?g|gif|webp|mp4|mov|pdf|zip|docx?|xlsx?|svg|mp3|heic)$/i.test(path);
