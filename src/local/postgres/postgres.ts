import { setTimeout as wait } from 'node:timers/promises';
import postgres from 'postgres';
import { type Background, startInBackground, waitUntilItAnswers } from '../processes/background.ts';
import { type DataOptions, dataFolder } from './data.ts';
import { freeOfPostmaster } from './postmaster.ts';
import { type PostgresPrograms, postgresPrograms } from './programs.ts';

export interface PostgresOptions extends DataOptions {
  port: number;
  log: string;
  onSpawn?(pid: number): void;
  /** Server settings by name, on top of {@link modest}. */
  settings?: Record<string, string>;
  /** The npm package of the programs (default: that of Postgres 18). */
  programs?: string;
}

export interface Postgres {
  /** Connects to `database` as the superuser. */
  url(database: string): string;
  server: Background;
  /**
   * Where the data really lies: elsewhere than asked for where root's folder can't be entered by
   * the account that runs Postgres.
   */
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
  max_logical_replication_workers: '0',
  logging_collector: 'off',
};

/** What older ones don't know. */
const settingsOf18: Record<string, string> = { io_method: 'sync' };

/** How long the processes of a Postgres that was killed may take to notice, in milliseconds. */
const patience = 20_000;

/**
 * Starts a real Postgres on 127.0.0.1 and waits until it answers. What a former one on that folder
 * has left is ended first.
 *
 * @throws with the end of its log where it doesn't start
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const programs = await postgresPrograms(options.programs);
  const data = await dataFolder(options, programs);
  const url = (database: string) =>
    `postgres://knockon:${options.password}@127.0.0.1:${options.port}/${database}`;
  for (const deadline = Date.now() + patience; ; await wait(100)) {
    await freeOfPostmaster(data);
    const server = await spawnPostgres(options, programs, data);
    try {
      await waitUntilItAnswers(server, 'Postgres', options.log, () => ask(url('postgres')));
      return { url, server, data, stop: () => server.stop(20_000) };
    } catch (error) {
      if (Date.now() > deadline || !isStillInUse(error)) throw error;
    }
  }
}

/** The backends of a postmaster that was killed hold its memory until they notice. */
const isStillInUse = (error: unknown) =>
  error instanceof Error && /shared memory block .* is still in use/.test(error.message);

function spawnPostgres(
  options: PostgresOptions,
  programs: PostgresPrograms,
  data: string,
): Promise<Background> {
  const known = programs.major < 18 ? modest : { ...modest, ...settingsOf18 };
  const settings = Object.entries({ ...known, ...options.settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  return startInBackground(
    programs.postgres,
    ['-D', data, '-p', String(options.port), ...settings],
    {
      log: options.log,
      onSpawn: options.onSpawn,
      env: { ...process.env, LC_ALL: 'C' },
      // SIGINT is Postgres's "fast" stop: SIGTERM would wait for every client to leave.
      stopSignal: 'SIGINT',
      ...programs.account,
    },
  );
}

async function ask(url: string): Promise<void> {
  const client = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    await client`select 1`;
  } finally {
    await client.end({ timeout: 1 });
  }
}
