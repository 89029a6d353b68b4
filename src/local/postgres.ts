import { execFile } from 'node:child_process';
import { chown, mkdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { type Background, startInBackground, waitUntilItAnswers } from './background.ts';
import { canEnter, commonFolder, makeCommonFolder, type PostgresPrograms, postgresPrograms } from './postgres-programs.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Folder of the data; made and initialised where it is empty. */
  data: string;
  /** Name of a folder of its own for the data, used where {@link data} can't be entered by the account that runs Postgres. */
  elsewhere: string;
  port: number;
  password: string;
  log: string;
  onSpawn?(pid: number): void;
  /** Server settings by name, on top of {@link modest}. */
  settings?: Record<string, string>;
}

export interface Postgres {
  /** Connects to `database` as the superuser. */
  url(database: string): string;
  server: Background;
  /** Where the data really lies: elsewhere than asked for where root's folder can't be entered by the account that runs Postgres. */
  data: string;
  /** Ends connections, writes what is in memory, stops. */
  stop(): Promise<void>;
}

/** Sized for a laptop that runs everything at once; durability is untouched. */
const modest: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // Each backend's memory counts the buffers it has touched: small ones keep the sum small.
  shared_buffers: '32MB',
  bgwriter_lru_maxpages: '0',
  max_connections: '120',
  jit: 'off',
  wal_compression: 'on',
  max_wal_size: '512MB',
  track_io_timing: 'off',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  max_logical_replication_workers: '0',
  logging_collector: 'off',
};

/**
 * Starts a real Postgres 18 on 127.0.0.1 and waits until it answers.
 *
 * @throws with the end of its log where it doesn't start
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const programs = await postgresPrograms();
  const data = await dataFolder(options, programs);
  if (!(await stat(join(data, 'PG_VERSION')).catch(() => undefined))) await initialise(programs, data, options.password);
  const settings = Object.entries({ ...modest, ...options.settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = await startInBackground(programs.postgres, ['-D', data, '-p', String(options.port), ...settings], {
    log: options.log,
    onSpawn: options.onSpawn,
    env: { ...process.env, LC_ALL: 'C' },
    // SIGINT is Postgres's "fast" stop: SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    ...programs.account,
  });
  const url = (database: string) => `postgres://knockon:${options.password}@127.0.0.1:${options.port}/${database}`;
  await waitUntilItAnswers(server, 'Postgres', options.log, () => ask(url('postgres')), 60_000);
  return { url, server, data, stop: () => server.stop(20_000) };
}

async function ask(url: string): Promise<void> {
  const client = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    await client`select 1`;
  } finally {
    await client.end({ timeout: 1 });
  }
}

async function dataFolder({ data, elsewhere }: PostgresOptions, programs: PostgresPrograms): Promise<string> {
  await mkdir(dirname(data), { recursive: true });
  if (!programs.account || (await canEnter(dirname(data), programs.account))) return data;
  await makeCommonFolder();
  return join(commonFolder, elsewhere);
}

async function initialise(programs: PostgresPrograms, data: string, password: string): Promise<void> {
  // What an interrupted first start left would make initdb refuse the folder.
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { mode: 0o700 });
  if (programs.account) await chown(data, programs.account.uid, programs.account.gid);
  const passwordFile = join(tmpdir(), `knockon-${process.pid}-${Date.now()}`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (programs.account) await chown(passwordFile, programs.account.uid, programs.account.gid);
  // The built-in locale is the same on every machine and needs none installed.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const args = [
    `--pgdata=${data}`,
    '--username=knockon',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-instructions',
    ...locale,
  ];
  try {
    await run(programs.initdb, args, { ...programs.account, cwd: '/', env: { ...process.env, LC_ALL: 'C' } });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`Postgres could not make its data folder ${data}: ${stderr?.trim() || message}`);
  } finally {
    await unlink(passwordFile).catch(() => {});
  }
}
