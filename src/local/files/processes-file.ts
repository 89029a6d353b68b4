import { open } from 'node:fs/promises';
import { endedWithin, type Identity, identify, isAlive } from '../processes/process-identity.ts';
import type { Layer } from '../processes/supervise.ts';
import { type Home, readJson, removeFile, writeJson } from './home.ts';

export interface Recorded extends Identity {
  name: string;
  layer: Layer;
  /** How it is asked to end: Postgres takes SIGINT for a fast stop. */
  signal: NodeJS.Signals;
}

interface Content {
  launcher: Identity;
  processes: Recorded[];
}

/** What a launcher has running, on disk, so that what a kill -9 leaves behind can be ended. */
export interface ProcessesFile {
  /**
   * Notes a process under its name, at once: a launcher may be killed a moment later. A former one
   * of that name is forgotten.
   */
  record(process: Omit<Recorded, 'birth'>): void;
  /** Kills all of them, at once and without asking. */
  kill(): void;
  /** Ends what still runs of them, then removes the file. */
  remove(): Promise<void>;
}

/** Thrown where another launcher runs on the same home. */
export class AlreadyRunningError extends Error {
  override name = 'AlreadyRunningError';
  readonly pid: number;

  constructor(pid: number) {
    super(`knockon is running here already (process ${pid})`);
    this.pid = pid;
  }
}

/**
 * Takes the home for this launcher, ending what a former launcher left.
 *
 * @throws AlreadyRunningError where the former launcher is alive
 */
export async function takeHome(home: Home, tell: (line: string) => void): Promise<ProcessesFile> {
  const path = processesPath(home);
  const content = await exclusively(home.path('lock'), () => claim(path));
  await endAll(content.processes, tell);
  content.processes = [];
  writeJson(path, content);
  return {
    record(process) {
      const recorded = { ...process, ...identify(process.pid) };
      content.processes = [
        ...content.processes.filter(({ name }) => name !== process.name),
        recorded,
      ];
      writeJson(path, content);
    },
    kill() {
      for (const one of content.processes) if (isAlive(one)) signalIt(one, 'SIGKILL');
    },
    async remove() {
      await endAll(content.processes);
      await removeFile(path);
    },
  };
}

export const processesPath = (home: Home): string => home.path('processes.json');

/**
 * Ends what a launcher that is gone has left. Does nothing where it is alive, or another has taken
 * its place, which does so itself.
 */
export async function endLeftovers(path: string): Promise<void> {
  const content = await readJson<Content>(path);
  if (content && !isAlive(content.launcher)) await endAll(content.processes);
}

async function claim(path: string): Promise<Content> {
  const former = await readJson<Content>(path);
  if (former && isAlive(former.launcher)) throw new AlreadyRunningError(former.launcher.pid);
  const content: Content = { launcher: identify(process.pid), processes: former?.processes ?? [] };
  writeJson(path, content);
  return content;
}

/** Two launchers at once: the second waits for the first's short look, then sees its name. */
async function exclusively<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 5_000;
  let handle = await open(lock, 'wx').catch(() => undefined);
  // A lock this old was left by a launcher that died in these few milliseconds.
  while (!handle && Date.now() <= deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    handle = await open(lock, 'wx').catch(() => undefined);
  }
  await handle?.close();
  try {
    return await work();
  } finally {
    await removeFile(lock);
  }
}

/** Layer after layer from the top: who uses the database first, then the database. */
async function endAll(
  processes: Recorded[],
  tell: (line: string) => void = () => {},
): Promise<void> {
  for (const layer of ['api', 'workers', 'servers'] satisfies Layer[]) {
    await Promise.all(
      processes
        .filter((leftover) => leftover.layer === layer)
        .map((leftover) => endLeftover(leftover, tell)),
    );
  }
}

async function endLeftover(leftover: Recorded, tell: (line: string) => void): Promise<void> {
  if (!isAlive(leftover)) return;
  tell(`ending ${leftover.name} of the former run (process ${leftover.pid})`);
  signalIt(leftover, leftover.signal);
  // Effects that are cut off here are done again by Temporal; the database is never cut off in
  // haste.
  if (!(await endedWithin(leftover, leftover.layer === 'servers' ? 20_000 : 2_000)))
    signalIt(leftover, 'SIGKILL');
  await endedWithin(leftover, 5_000);
}

function signalIt({ pid }: Identity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
