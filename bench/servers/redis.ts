import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { startInBackground, waitUntilItAnswers } from '../../src/local/processes/background.ts';
import type { Servers } from '../contestants/peer.ts';
import type { Ground } from '../ground.ts';

/**
 * A Redis that keeps what it has taken, as BullMQ's page for production says: append-only file,
 * nothing evicted.
 */
export async function startRedis(ground: Ground): Promise<Servers> {
  const folder = await ground.folder('redis');
  const [port] = await freePorts(1);
  const log = join(folder, 'redis.log');
  const kept = [
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ];
  const server = await startInBackground(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', ...kept],
    { log },
  );
  await waitUntilItAnswers(server, 'Redis', log, () => reach(port!), 20_000);
  return { env: { REDIS_URL: `redis://127.0.0.1:${port}` }, stop: () => server.stop() };
}

function reach(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
