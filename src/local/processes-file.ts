import { open } from 'node:fs/promises';
import { type Identity, identify, isAlive } from './birth.ts';
import { type Home, readJson, removeFile, writeJson } from './home.ts';
import type { Layer } from './services.ts';

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

/** What a launcher has running, on disk, so that the next one can end what a kill -9 left behind. */
export interface ProcessesFile {
  /** Notes a process under its name; a former one of that name is forgotten. */
  record(process: Omit<Recorded, 'birth'>): Promise<void>;
  /** Kills all of them, at once and without asking. */
  kill(): Promise<void>;
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
  const path = home.path('processes.json');
  const content = await exclusively(home.path('lock'), () => claim(path));
  await endLeftovers(content.processes, tell);
  content.processes = [];
  // One write at a time: each replaces the whole file.
  let writing = writeJson(path, content);
  return {
    async record(process) {
      const recorded = { ...process, ...(await identify(process.pid)) };
      content.processes = [...content.processes.filter(({ name }) => name !== process.name), recorded];
      writing = writing.then(() => writeJson(path, content));
      await writing;
    },
    async kill() {
      await Promise.all(content.processes.map(async (one) => (await isAlive(one)) && signalIt(one, 'SIGKILL')));
    },
    async remove() {
      await writing;
      await removeFile(path);
    },
  };
}

async function claim(path: string): Promise<Content> {
  const former = await readJson<Content>(path);
  if (former && (await isAlive(former.launcher))) throw new AlreadyRunningError(former.launcher.pid);
  const content: Content = { launcher: await identify(process.pid), processes: former?.processes ?? [] };
  await writeJson(path, content);
  return content;
}

/** Two launchers at once: the second waits for the first's short look, then sees its name. */
async function exclusively<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 5_000; ; ) {
    const handle = await open(lock, 'wx').catch(() => undefined);
    // A lock this old was left by a launcher that died in these few milliseconds.
    if (handle || Date.now() > deadline) {
      await handle?.close();
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  try {
    return await work();
  } finally {
    await removeFile(lock);
  }
}

/** Layer after layer from the top: who uses the database first, then the database. */
async function endLeftovers(processes: Recorded[], tell: (line: string) => void): Promise<void> {
  for (const layer of ['api', 'workers', 'servers'] satisfies Layer[]) {
    await Promise.all(processes.filter((leftover) => leftover.layer === layer).map((leftover) => endLeftover(leftover, tell)));
  }
}

async function endLeftover(leftover: Recorded, tell: (line: string) => void): Promise<void> {
  if (!(await isAlive(leftover))) return;
  tell(`ending ${leftover.name} of the former run (process ${leftover.pid})`);
  signalIt(leftover, leftover.signal);
  // Effects that are cut off here are done again by Temporal; the database is never cut off in haste.
  if (!(await endedWithin(leftover, leftover.layer === 'servers' ? 20_000 : 2_000))) signalIt(leftover, 'SIGKILL');
  await endedWithin(leftover, 5_000);
}

function signalIt({ pid }: Identity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

async function endedWithin(identity: Identity, deadlineMs: number): Promise<boolean> {
  for (const deadline = Date.now() + deadlineMs; Date.now() < deadline; ) {
    if (!(await isAlive(identity))) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
