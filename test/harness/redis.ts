import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, vi } from 'vitest';
import { freePorts } from '../../src/local/launcher/ports.ts';

export const isRedisInstalled = spawnSync('redis-server', ['--version']).status === 0;

export interface TestRedis {
  port: number;
  url: string;
  isRunning(): boolean;
  /** Waits until it is gone; it may be gone already. */
  stop(): Promise<void>;
}

/** A real Redis that keeps nothing, on a free port unless one is given. */
export async function startRedis(given?: number): Promise<TestRedis> {
  const [port] = given ? [given] : ((await freePorts(1)) as [number]);
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let said = '';
  server.stdout.on('data', (text) => {
    said += text;
  });
  await vi.waitFor(() => expect(said).toMatch(/ready to accept connections/i), { timeout: 20_000 });
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    isRunning: () => isRunning(server),
    stop: () => end(server),
  };
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode === null && signalCode === null;

async function end(server: ChildProcess): Promise<void> {
  if (!isRunning(server)) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}
