import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UpFile } from '../../src/local/launcher/up-file.ts';
import { until } from './until.ts';

const knockon = fileURLToPath(new URL('../../bin/knockon.js', import.meta.url));

/** Nobody practises for days: what waits is tried again soon. */
const brisk = {
  KNOCKON_WEBHOOK_TIMEOUT: '2s',
  KNOCKON_WEBHOOK_PROBE: '2s',
  KNOCKON_CHECK_EVERY: '2s',
  KNOCKON_RELAY_AGE: '5s',
  KNOCKON_SHUTDOWN: '5s',
  LOG_LEVEL: 'warn',
};

export interface Own {
  up: UpFile;
  home: string;
  stop(): Promise<void>;
}

/**
 * Brings a product up in a temporary folder of its own, with ports of its own. @throws with its
 * last words where it does not come up
 */
export async function bringUp(): Promise<Own> {
  const home = await mkdtemp(join(tmpdir(), 'knockon-drill-'));
  // As root, Postgres runs under another account that must be able to walk through.
  await chmod(home, 0o755);
  const log = openSync(join(home, 'up.log'), 'a', 0o600);
  // In a process group of its own: a Ctrl-C is for the drill, which ends this one after it has
  // cleaned up.
  const child = fork(knockon, ['up', '--port', '0'], {
    detached: true,
    env: { ...surroundings(), ...brisk, KNOCKON_HOME: home },
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const exited = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await exited;
    await rm(home, { recursive: true, force: true });
  };
  try {
    await until(
      'that the product comes up',
      async () => child.exitCode !== null || existsSync(join(home, 'up.json')),
    );
    if (child.exitCode !== null)
      throw new Error(`\`knockon up\` ended:\n${await readFile(join(home, 'up.log'), 'utf8')}`);
    return { up: JSON.parse(await readFile(join(home, 'up.json'), 'utf8')) as UpFile, home, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the surroundings say of Knock-on is about another product. */
export const surroundings = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(KNOCKON_|TEMPORAL_|DATABASE_URL$|REDIS_URL$|SMTP_URL$|MAIL_FROM$)/.test(name),
    ),
  );
