import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Watchdog } from './watchdog.ts';

const run = promisify(execFile);

/** A server with all its processes, whose clock is stopped and goes on (SIGSTOP, SIGCONT). */
export class Freezer {
  readonly #watchdog: Watchdog;
  #stopped: number[] = [];

  /**
   * @param watchdog a stopped process does not notice that the others have ended, so it is ended
   * with them
   */
  constructor(watchdog: Watchdog) {
    this.#watchdog = watchdog;
  }

  /** @param pid the first process of the server: it is stopped first, so that it starts no more */
  async stop(pid: number): Promise<void> {
    signal(pid, 'SIGSTOP');
    const children = await childrenOf(pid);
    for (const child of children) {
      signal(child, 'SIGSTOP');
      this.#watchdog.isAlive(child);
    }
    this.#stopped = [pid, ...children];
  }

  goOn(): void {
    const [first, ...children] = this.#stopped.splice(0);
    for (const child of children) {
      signal(child, 'SIGCONT');
      this.#watchdog.isGone(child);
    }
    if (first !== undefined) signal(first, 'SIGCONT');
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const all = process.platform === 'linux' ? await linuxParents() : await otherParents();
  return all.filter(([, parent]) => parent === pid).map(([child]) => child);
}

type Parentage = [pid: number, parent: number];

async function linuxParents(): Promise<Parentage[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return await Promise.all(
    pids.map(async (pid): Promise<Parentage> => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The command's name, in brackets, may hold anything: the fields are counted from its end.
      return [pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])];
    }),
  );
}

async function otherParents(): Promise<Parentage[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as Parentage);
}
