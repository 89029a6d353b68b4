import { readdir, readFile } from 'node:fs/promises';

/** A process and what it uses. */
export interface Process {
  pid: number;
  /** The program, and for our own what it was started as. */
  command: string;
}

interface Listed extends Process {
  parent: number;
}

/**
 * Everything the bench has started: the ground, and the contestant whose turn it is. Empty where
 * there is no /proc.
 */
export async function processesOfBench(): Promise<Process[]> {
  const all = await listAll();
  // What translates the bench's own TypeScript is nobody's.
  const below = (parent: number) =>
    all.filter((one) => one.parent === parent && !/esbuild/.test(one.command));
  const family = below(process.pid);
  for (const { pid } of family) family.push(...below(pid));
  return family;
}

/**
 * Kills whatever runs beside Postgres: what a contestant leaves that has failed at its start, or is
 * given up.
 */
export async function killContestant(): Promise<void> {
  for (const { pid, command } of await processesOfBench()) {
    if (/postgres/.test(command)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

async function listAll(): Promise<Listed[]> {
  const names = await readdir('/proc').catch(() => []);
  const listed = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => describe(Number(name))),
  );
  return listed.flatMap((one) => one ?? []);
}

/** Undefined where it has ended meanwhile. */
async function describe(pid: number): Promise<Listed | undefined> {
  try {
    const [stat, line] = await Promise.all([statOf(pid), readFile(`/proc/${pid}/cmdline`, 'utf8')]);
    return { pid, parent: Number(stat[1]), command: line.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined;
  }
}

/** The fields after the name: state, parent, … */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Linux counts in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds used so far by these processes and by their children that have ended; one that is
 * gone counts 0.
 */
export async function cpuSeconds(processes: Process[]): Promise<number> {
  const used = await Promise.all(processes.map(({ pid }) => ticksOf(pid)));
  return used.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

async function ticksOf(pid: number): Promise<number> {
  const stat = await statOf(pid).catch(() => undefined);
  return stat ? stat.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) : 0;
}

/** Memory of all of these in MB. What several share is counted once (PSS). */
export async function memoryOf(processes: Process[]): Promise<number> {
  const each = await Promise.all(processes.map(({ pid }) => pssOf(pid)));
  return each.reduce((sum, mb) => sum + mb, 0);
}

async function pssOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}
