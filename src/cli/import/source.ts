import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { startingWith } from '../chat-log/ahead.ts';
import { peek } from '../chat-log/encoding.ts';
import { readUsers, type Users } from '../chat-log/slack.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { listFolder } from './folder.ts';
import { unzip } from './unzip.ts';

/** What is to be read is damaged, or can't be read in this way: to try it again is of no use. */
export class SourceError extends CommandError {}

/** One log of what is imported. */
export interface Part {
  /** Its name, for its date and for messages; `-` is stdin. */
  name: string;
  /** The channel it is of, in an export of several. */
  conversation?: string;
  users?: Users;
  /** Its bytes, unpacked. */
  open(): AsyncGenerator<Uint8Array>;
}

/** A file, a folder, a zip or stdin, as logs one after the other. */
export interface Source {
  /** As the summary names it. */
  name: string;
  parts: Part[];
  /** Undefined for stdin. In bytes, as they lie on the disk. */
  size?: number;
  /** Bytes read so far. */
  read(): number;
  /** Removes what was unpacked. */
  close(): void;
}

/**
 * @param file a path, or `-`
 * @param usersFile Slack's users.json (default: the one beside the file, or in the folder above)
 * @throws CommandError where it can't be read
 */
export async function openSource(
  file: string,
  stdin: Readable,
  usersFile?: string,
): Promise<Source> {
  let read = 0;
  const given = usersFile === undefined ? undefined : usersOf(usersFile);
  const opened = (stream: () => Readable) => () =>
    unpacked(stream(), (bytes) => {
      read += bytes;
    });
  const source = { read: () => read, close: () => {} };
  if (file === '-')
    return {
      ...source,
      name: '-',
      parts: [{ name: '-', users: given, open: opened(() => stdin) }],
    };
  const fileOf = (path: string) => opened(() => createReadStream(path));
  try {
    const name = basename(file);
    const unzipped = isZip(file) ? mkdtempSync(join(tmpdir(), 'knockon-import-')) : undefined;
    const close = () => unzipped && rmSync(unzipped, { recursive: true, force: true });
    try {
      if (unzipped) await unzip(file, unzipped);
      const paths =
        unzipped || statSync(file).isDirectory()
          ? listFolder(unzipped ?? file, unzipped && file)
          : [{ path: file }];
      const called = (path: string) => (unzipped ? `${relative(unzipped, path)} in ${file}` : path);
      const parts = paths.map(({ path, conversation }) => ({
        name: basename(path).replace(/\.gz$/i, ''),
        conversation,
        users: given ?? usersNear(path, called),
        open: fileOf(path),
      }));
      const size = paths.reduce((sum, { path }) => sum + statSync(path).size, 0);
      return { ...source, name, parts, size, close };
    } catch (error) {
      close();
      throw error;
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file} can't be read: ${(error as Error).message}`, EXIT.usage);
  }
}

function isZip(file: string): boolean {
  if (statSync(file).isDirectory()) return false;
  const head = Buffer.alloc(4);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, head, 0, 4, 0);
  } finally {
    closeSync(handle);
  }
  return head.equals(ZIP) || head.equals(EMPTY_ZIP);
}

const ZIP = Buffer.from([0x50, 0x4b, 3, 4]);
const EMPTY_ZIP = Buffer.from([0x50, 0x4b, 5, 6]);
const GZIP = Buffer.from([0x1f, 0x8b]);

async function* unpacked(
  stream: Readable,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  async function* counted() {
    for await (const chunk of stream) {
      onBytes(chunk.length);
      yield chunk as Uint8Array;
    }
  }
  const { head, rest } = await peek(counted(), 4);
  const whole = startingWith([head], rest);
  const starts = (magic: Buffer) => magic.equals(Buffer.from(head.subarray(0, magic.length)));
  if (starts(ZIP))
    throw new SourceError(
      'A zip can be read from a file, not from stdin: name the file.',
      EXIT.usage,
    );
  if (!starts(GZIP)) return yield* whole;
  const gunzip = createGunzip();
  // An error comes out of the loop below.
  pipeline(Readable.from(whole), gunzip, () => {});
  try {
    yield* gunzip;
  } catch (error) {
    throw new SourceError(
      `It can't be unpacked further: ${(error as Error).message}. The file is damaged or cut off.`,
    );
  }
}

/** Slack's names: an export has them one folder above its channels. */
function usersNear(path: string, called: (path: string) => string): Users | undefined {
  if (!/\.jsonl?(\.gz)?$/i.test(path)) return undefined;
  const folder = dirname(path);
  const found = [join(folder, 'users.json'), join(dirname(folder), 'users.json')].find(existsSync);
  return found === undefined ? undefined : known(found, called(found));
}

let last: { file: string; users: Users } | undefined;

/** Every part of an export has the same. */
function known(file: string, called: string): Users {
  if (last?.file !== file) last = { file, users: usersOf(file, called) };
  return last.users;
}

/** The names of the channels in an export, which lie beside its users. */
function channelsBeside(file: string): Users {
  const lists = ['channels.json', 'groups.json'].map((name) => join(dirname(file), name));
  return new Map(
    lists.filter(existsSync).flatMap((path) => [...readUsers(readFileSync(path, 'utf8'))]),
  );
}

/** @param called how an error names it */
function usersOf(file: string, called = file): Users {
  try {
    const users = readUsers(readFileSync(file, 'utf8'));
    return new Map([...users, ...channelsBeside(file)]);
  } catch (error) {
    throw new CommandError(
      `${called} can't be read as Slack's users.json: ${(error as Error).message}`,
      EXIT.usage,
    );
  }
}
