import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * A server of somebody else's (Postgres, Temporal) that runs beside us, in a process group of its
 * own so that Ctrl-C reaches only us.
 */
export interface Background {
  pid: number;
  /** Settles when the process has ended, with what it ended with (`code 1`, `signal SIGKILL`). */
  exited: Promise<string>;
  /**
   * Asks it to end and waits; after the deadline it is killed. Harmless when it has ended already.
   */
  stop(deadlineMs?: number): Promise<void>;
}

export interface BackgroundOptions {
  /** File that its output is appended to. */
  log: string;
  env?: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** How it is asked to end (default SIGTERM). */
  stopSignal?: NodeJS.Signals;
  /** Told the process id at once: should we be killed a moment later, it must be known. */
  onSpawn?(pid: number): void;
}

/**
 * @throws where the program can't be started at all; one that starts and ends at once shows in
 * `exited`
 */
export async function startInBackground(
  command: string,
  args: string[],
  options: BackgroundOptions,
): Promise<Background> {
  const log = openSync(options.log, 'a', 0o600);
  const { uid, gid } = options;
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: options.env ?? process.env,
    uid,
    gid,
  });
  closeSync(log);
  if (child.pid) options.onSpawn?.(child.pid);
  const exited = howItEnds(child);
  await new Promise<void>(
    (resolve, reject) => void child.once('spawn', resolve).once('error', reject),
  );
  return {
    pid: child.pid!,
    exited,
    stop: (deadlineMs = 10_000) => endChild(child, options.stopSignal ?? 'SIGTERM', deadlineMs),
  };
}

/**
 * Longest time until what is started answers, in ms. On a busy machine one that gives way to others
 * gets a sixth of the time, and takes more than a minute.
 */
export const START_LIMIT = 180_000;

/** Settles with how the child ended, or why it could not be started. */
export function howItEnds(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}

/** Asks a child to end by `signal`, waits up to the deadline (ms), then kills it. */
export async function endChild(
  child: ChildProcess,
  signal: NodeJS.Signals,
  deadlineMs: number,
): Promise<void> {
  const running = () => child.exitCode === null && child.signalCode === null;
  if (!running()) return;
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  await ended;
  clearTimeout(timer);
}

/**
 * Waits until `answers` resolves, trying every 30 ms.
 *
 * @throws with the end of the log where the server ends or the deadline (ms) passes first; then
 * nothing of it is left running
 */
export async function waitUntilItAnswers(
  server: Background,
  what: string,
  log: string,
  answers: () => Promise<unknown>,
  deadlineMs = START_LIMIT,
): Promise<void> {
  let ended: string | undefined;
  void server.exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const failure = await answers().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined && !ended) return;
    if (ended) throw new Error(`${what} ended with ${ended} while starting.\n${await tail(log)}`);
    if (Date.now() > deadline) {
      await server.stop(5_000);
      throw new Error(
        `${what} didn't answer within ${deadlineMs / 1000} s (${failure}).\n${await tail(log)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** The last lines of a log, for an error message; empty where there is none. */
export async function tail(file: string, lines = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
