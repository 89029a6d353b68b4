import { execFile } from 'node:child_process';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { startInBackground, waitUntilItAnswers } from '../../src/local/processes/background.ts';
import { startTemporal } from '../../src/local/temporal/temporal.ts';
import { findTemporalCli } from '../../src/local/temporal/temporal-cli.ts';
import type { Servers } from '../contestants/peer.ts';
import type { Ground } from '../ground.ts';
import { countActions } from './actions.ts';

const run = promisify(execFile);

/** The dev server as `npm start` starts it. */
export async function ourTemporal(ground: Ground): Promise<Servers> {
  const folder = await ground.folder('temporal');
  const [cli, [port]] = await Promise.all([findTemporalCli(() => {}), freePorts(1)]);
  const { address, stop } = await startTemporal({
    cli,
    port: port!,
    file: join(folder, 'temporal.db'),
    log: join(folder, 'log'),
  });
  return serve(address, stop);
}

/**
 * The dev server with every setting at its default, but for a file that keeps what it has taken, in
 * SQLite's faster mode.
 */
export async function defaultTemporal(ground: Ground): Promise<Servers> {
  const folder = await ground.folder('temporal');
  const [cli, [port]] = await Promise.all([findTemporalCli(() => {}), freePorts(1)]);
  const address = `127.0.0.1:${port}`;
  const log = join(folder, 'log');
  const kept = [
    '--db-filename',
    join(folder, 'temporal.db'),
    '--sqlite-pragma',
    'journal_mode=wal',
    '--sqlite-pragma',
    'synchronous=normal',
  ];
  const args = [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--headless',
    '--log-level',
    'error',
    ...kept,
  ];
  const server = await startInBackground(cli, args, { log });
  const isUp = () =>
    run(cli, ['operator', 'namespace', 'describe', '--namespace', 'default', '--address', address]);
  await waitUntilItAnswers(server, 'Temporal', log, isUp, 60_000);
  return serve(address, () => server.stop());
}

const serve = (address: string, stop: () => Promise<void>): Servers => ({
  // Whatever profile somebody has at home.
  env: { TEMPORAL_ADDRESS: address, TEMPORAL_CONFIG_FILE: devNull },
  actions: (since) => countActions(address, since),
  stop,
});
