import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { whenNpmIsGone } from '../../src/local/processes/npm-process.ts';

/** One run of vitest: its folder, and what ends with it. */
export interface TestRun {
  folder: string;
  /** Ends this server too, however the run ends. */
  endsWithUs(pid: number): void;
  /** Removes the folder. The servers must have ended. */
  close(): Promise<void>;
}

/** @param name of the folder below the system's temporary one */
export async function openRun(name: string): Promise<TestRun> {
  const folder = await mkdtemp(join(tmpdir(), `knockon-${name}-`));
  // Postgres runs as another user where we are root.
  await chmod(folder, 0o755);
  const watcher = watchOver(folder);
  whenNpmIsGone(() => process.exit(1));
  return {
    folder,
    endsWithUs: (pid) => void watcher.stdin.write(`${pid}\n`),
    async close() {
      watcher.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A shell that waits until our end of its pipe closes, which `kill -9` does too. Then it ends all
 * processes of this run. It knows them by a variable of their environment. Only Linux can look
 * there: elsewhere it ends the servers alone.
 */
function watchOver(folder: string) {
  const run = basename(folder);
  const watcher = spawn('sh', ['-c', ending, 'sh', run, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  watcher.stdin.on('error', () => {});
  process.env.TEST_RUN = run;
  return watcher;
}

const ending = `
  while read -r pid; do pids="$pids $pid"; done
  for last_moment in no yes; do
    for environ in $(grep -lsxz "TEST_RUN=$1" /proc/[0-9]*/environ); do
      pid=\${environ#/proc/}
      pids="$pids \${pid%/environ}"
    done
    kill -9 $pids
  done
  rm -rf "$2"`;
