import { execFileSync } from 'node:child_process';
import { readlinkSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endedWithin, type Identity, identify, isAlive } from '../processes/process-identity.ts';

/**
 * Frees a data folder of the postmaster that had it before: one that runs is ended, and the lock
 * file of one that was killed is removed. Postgres itself takes a zombie, or another process that
 * has got the number since, for one that runs. The caller must have the folder for itself.
 *
 * @throws where the former one can't be ended
 */
export async function freeOfPostmaster(data: string): Promise<void> {
  const lock = join(data, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  const former = identify(pid);
  if (isAlive(former) && worksIn(former, data)) await end(former, data);
  await rm(lock, { force: true });
}

/**
 * Whether that process is Postgres on that folder, and not one that has only inherited the number.
 */
function worksIn({ pid }: Identity, data: string): boolean {
  try {
    // A postmaster works in its data folder.
    if (process.platform === 'linux')
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(
      data,
    );
  } catch {
    // Somebody else's process, or it has just ended.
    return false;
  }
}

async function end(former: Identity, data: string): Promise<void> {
  for (const [signal, deadlineMs] of [
    ['SIGINT', 20_000],
    ['SIGKILL', 5_000],
  ] as const) {
    try {
      process.kill(former.pid, signal);
    } catch {
      // It has just ended.
    }
    if (await endedWithin(former, deadlineMs)) return;
  }
  throw new Error(
    `Another Postgres (process ${former.pid}) runs on ${data} and can't be ended: end it, then ` +
      'start again.',
  );
}
