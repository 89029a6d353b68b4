import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { freePorts } from '../../src/local/launcher/ports.ts';

/** Debian keeps it where only root's PATH leads. */
const PATH = `${process.env.PATH}:/usr/sbin`;

export const isPgbouncerInstalled =
  spawnSync('pgbouncer', ['--version'], { env: { ...process.env, PATH } }).status === 0;

export interface TestPgbouncer {
  /** The database's URL by way of it. */
  url: string;
  stop(): Promise<void>;
}

/**
 * A real pgbouncer in transaction mode before the database.
 *
 * @param size connections to the server
 * @param settings of its own, beside
 */
export async function startPgbouncer(
  databaseUrl: string,
  size = 20,
  settings: string[] = [],
): Promise<TestPgbouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'knockon-pgbouncer-'));
  const [port] = (await freePorts(1)) as [number];
  const to = new URL(databaseUrl);
  const file = join(folder, 'pgbouncer.ini');
  const lines = [
    '[databases]',
    `* = host=${to.hostname} port=${to.port} user=${to.username} password=${to.password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${size}`,
    'max_client_conn = 500',
    ...settings,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  await Promise.all([chmod(folder, 0o755), chmod(file, 0o644)]);
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
  const server = spawn('pgbouncer', [...user, file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH },
  });
  let said = '';
  server.stderr.on('data', (text) => {
    said += text;
  });
  await vi.waitFor(() => expect(said).toMatch(/process up/), { timeout: 20_000 });
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return { url: url.href, stop: () => end(server, folder) };
}

async function end(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
}
