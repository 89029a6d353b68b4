import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, vi } from 'vitest';
import { freePorts } from '../../src/local/ports.ts';

export const isRedisInstalled = spawnSync('redis-server', ['--version']).status === 0;

/** A real Redis that keeps nothing. */
export async function startRedis(): Promise<{ url: string; stop(): Promise<void> }> {
  const [port] = await freePorts(1);
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  server.stdout.on('data', (text) => {
    said += text;
  });
  await vi.waitFor(() => expect(said).toMatch(/ready to accept connections/i), { timeout: 20_000 });
  return { url: `redis://127.0.0.1:${port}`, stop: () => end(server) };
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}
