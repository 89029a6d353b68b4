import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** The folder that keeps everything of one `knockon up`: data, secrets, logs. */
export interface Home {
  folder: string;
  path(...names: string[]): string;
  /** A log's path. */
  log(name: string): string;
}

/** What we put into a home. */
const own =
  /^(secrets|demo|up|environment|processes)\.json(\.\d+)?$|^(logs|lock|postgres|temporal\.db.*)$/;

/**
 * `KNOCKON_HOME`, or `.knockon` in the current folder; made where it is missing, and closed to all
 * but us.
 */
export async function openHome(env: NodeJS.ProcessEnv = process.env): Promise<Home> {
  const folder = resolve(env.KNOCKON_HOME?.trim() || '.knockon');
  await makeFolder(folder);
  // A folder that keeps other things too may be open to others for a reason. What we put there is
  // closed all the same.
  if ((await readdir(folder)).every((name) => own.test(name))) await chmod(folder, 0o700);
  await makeFolder(join(folder, 'logs'));
  return {
    folder,
    path: (...names) => join(folder, ...names),
    log: (name) => join(folder, 'logs', `${name.replaceAll(' ', '-')}.log`),
  };
}

/** What is wrong where a folder can't be made. */
const troubles: Record<string, string> = {
  EEXIST: 'there is a file of that name',
  ENOTDIR: 'a part of that path is a file',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'nothing can be written there',
};

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    const trouble = troubles[error.code ?? ''];
    if (!trouble) throw error;
    throw new Error(
      `The folder ${folder} can't be used: ${trouble}. ` +
        'Move that away, or set KNOCKON_HOME to a folder of your own.',
      { cause: error },
    );
  });
}

/** Made at the first start and kept: with another secret, what was sealed could not be read. */
export interface Secrets {
  id: string;
  admin_key: string;
  secret: string;
  database_password: string;
}

export async function secretsOf(home: Home): Promise<Secrets> {
  const kept = await readJson<Secrets>(home.path('secrets.json'));
  if (kept) return kept;
  const text = (bytes: number) => randomBytes(bytes).toString('base64url');
  const made = {
    id: randomBytes(6).toString('hex'),
    admin_key: `admin_${text(24)}`,
    secret: text(36),
    database_password: text(18),
  };
  writeJson(home.path('secrets.json'), made);
  return made;
}

/** The file's content; undefined where there is none. @throws where it is not JSON */
export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(
      `${path} is damaged: it is not JSON. Restore it, or delete it if nothing in that folder is ` +
        'needed any more.',
    );
  }
}

/**
 * Writes JSON that we alone can read, before it returns. A reader sees the old content or the new,
 * never a part.
 */
export function writeJson(path: string, value: unknown): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}
