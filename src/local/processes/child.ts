import { execFile, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Background, endChild, howItEnds, START_LIMIT, tail } from './background.ts';

const run = promisify(execFile);

/** The command line beside us: built, or from source as we are (in tests). */
const source = import.meta.url.endsWith('.ts');
const command = fileURLToPath(
  new URL(source ? '../../cli/main.ts' : '../../cli/main.js', import.meta.url),
);

/** Small heaps: several processes share a laptop. Young objects have as much room as Node gives. */
const modest = [
  '--max-old-space-size=512',
  '--max-semi-space-size=16',
  ...(source ? ['--import', 'tsx'] : []),
];

/**
 * glibc gives each thread of the SDK's core a heap of its own otherwise, and hardly any memory
 * back.
 */
const oneArena = { MALLOC_ARENA_MAX: '2' };

/**
 * Migrates in a process of its own, so that the launcher doesn't carry for hours what it needs
 * once.
 *
 * @throws with what it said
 */
export async function migrateInChild(env: NodeJS.ProcessEnv): Promise<void> {
  await run(process.execPath, [...(source ? ['--import', 'tsx'] : []), command, 'migrate'], {
    env,
  }).catch((error: { stderr?: string; message: string }) => {
    throw new Error(`The database could not be migrated: ${error.stderr?.trim() || error.message}`);
  });
}

/** A `knockon` process of ours that has said it is ready. */
export interface Child extends Background {
  /** Where it answers, if it serves. */
  url?: string;
}

export interface ChildOptions {
  args: string[];
  env: NodeJS.ProcessEnv;
  log: string;
  /** Told the process id as soon as there is one, before it is ready. */
  onSpawn(pid: number): void;
}

/**
 * Starts one of our own processes, in a process group of its own, and waits until it says it is
 * ready.
 *
 * @throws with the end of its log where it ends first or isn't ready within three minutes
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.log, 'a', 0o600);
  const child = fork(command, options.args, {
    detached: true,
    env: { ...oneArena, ...options.env },
    execArgv: modest,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  if (child.pid) options.onSpawn(child.pid);
  const name = options.args.join(' ');
  const exited = howItEnds(child);
  const ready = new Promise<{ url?: string }>((resolve) =>
    child.on('message', (message) => isReady(message) && resolve(message)),
  );
  const background: Background = {
    pid: child.pid ?? 0,
    exited,
    stop: (deadline = 35_000) => endChild(child, 'SIGTERM', deadline),
  };
  const outcome = await Promise.race([ready, exited, late(START_LIMIT)]);
  if (typeof outcome === 'object') return { ...background, url: outcome.url };
  await background.stop(1_000);
  throw new Error(`\`knockon ${name}\` is not ready: ${outcome}\n${await tail(options.log)}`);
}

function isReady(message: unknown): message is { ready: true; url?: string } {
  return (
    typeof message === 'object' && message !== null && 'ready' in message && message.ready === true
  );
}

const late = (ms: number) =>
  new Promise<string>((resolve) =>
    setTimeout(() => resolve(`nothing heard for ${ms / 1000} s`), ms).unref(),
  );
