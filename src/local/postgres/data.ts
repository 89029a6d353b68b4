import { execFile } from 'node:child_process';
import { chown, cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Account,
  canEnter,
  commonFolder,
  makeCommonFolder,
  type PostgresPrograms,
} from './programs.ts';

const run = promisify(execFile);

export interface DataOptions {
  /** Folder of the data; made and initialised where it is empty. */
  data: string;
  /**
   * Name of a folder of its own for the data, used where {@link data} can't be entered by the
   * account that runs Postgres.
   */
  elsewhere: string;
  password: string;
}

/**
 * The folder that keeps the data, initialised at the first start: `data`, or one below {@link
 * commonFolder}.
 */
export async function dataFolder(
  options: DataOptions,
  programs: PostgresPrograms,
): Promise<string> {
  const data = await placeFor(options, programs.account);
  if (!(await isThere(join(data, 'PG_VERSION'))))
    await initialise(programs, data, options.password);
  return data;
}

const isThere = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined;

async function placeFor(
  { data, elsewhere }: DataOptions,
  account: Account | undefined,
): Promise<string> {
  await mkdir(dirname(data), { recursive: true });
  if (!account || (await canEnter(dirname(data), account))) return data;
  await makeCommonFolder();
  const place = join(commonFolder, elsewhere);
  if (!(await isThere(place)) && (await isThere(join(data, 'PG_VERSION'))))
    await move(data, place, account);
  return place;
}

/** Data of a time when the account could still enter the folder that it lies in. */
async function move(from: string, to: string, account: Account): Promise<void> {
  await rename(from, to).catch(async () => {
    // Another file system. The copy gets its name once it is whole.
    await rm(`${to}.copy`, { recursive: true, force: true });
    await cp(from, `${to}.copy`, { recursive: true, verbatimSymlinks: true });
    await run('chown', ['-R', `${account.uid}:${account.gid}`, `${to}.copy`]);
    await rename(`${to}.copy`, to);
    await rm(from, { recursive: true });
  });
}

/**
 * Made beside, and renamed once it is whole: what is killed half-way must not look like a database.
 */
async function initialise(
  programs: PostgresPrograms,
  data: string,
  password: string,
): Promise<void> {
  const drafts = `${basename(data)}.initdb-`;
  for (const name of await readdir(dirname(data))) {
    if (name.startsWith(drafts))
      await rm(join(dirname(data), name), { recursive: true, force: true });
  }
  const draft = await mkdtemp(join(dirname(data), drafts));
  const secret = await mkdtemp(join(tmpdir(), 'knockon-'));
  const passwordFile = join(secret, 'password');
  try {
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (programs.account)
      for (const path of [draft, secret, passwordFile])
        await chown(path, programs.account.uid, programs.account.gid);
    await initdb(programs, draft, passwordFile);
    await rm(data, { recursive: true, force: true });
    await rename(draft, data);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(
      `Postgres could not make its data folder ${data}: ${stderr?.trim() || message}`,
    );
  } finally {
    await rm(secret, { recursive: true, force: true });
  }
}

function initdb(
  { initdb: program, major, account }: PostgresPrograms,
  data: string,
  passwordFile: string,
): Promise<unknown> {
  // The built-in locale is the same on every machine and needs none installed. Postgres has it
  // since 17.
  const builtin = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const locale = ['--encoding=UTF8', ...(major < 17 ? ['--locale=C.UTF-8'] : builtin)];
  const args = [
    `--pgdata=${data}`,
    '--username=knockon',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-instructions',
    ...locale,
  ];
  return run(program, args, { ...account, cwd: '/', env: { ...process.env, LC_ALL: 'C' } });
}
