import { spawn } from 'node:child_process';

/**
 * Ends all processes however we end, kill -9 included: a shell that is told who is alive, and that
 * kills them when our end of its pipe closes.
 */
export class Watchdog {
  readonly #pids = new Set<number>();
  #hasBitten = false;
  readonly #shell = spawn(
    'sh',
    ['-c', 'while read -r now; do alive=$now; done; [ -z "$alive" ] || kill -9 $alive'],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );

  constructor() {
    this.#shell.unref();
    this.#shell.stdin.on('error', () => {});
  }

  isAlive(pid: number): void {
    this.#pids.add(pid);
    this.#tell();
    if (this.#hasBitten) end(pid);
  }

  isGone(pid: number): void {
    this.#pids.delete(pid);
    this.#tell();
  }

  /** Ends everybody at once, and whatever is started from now on. */
  bite(): void {
    this.#hasBitten = true;
    for (const pid of this.#pids) end(pid);
  }

  /** Nobody is to be ended any more. */
  dismiss(): void {
    this.#pids.clear();
    this.#tell();
    this.#shell.stdin.end();
  }

  #tell(): void {
    this.#shell.stdin.write(`${[...this.#pids].join(' ')}\n`);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
