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

/** The process and everything below it. Empty where there is no /proc. */
export async function familyOf(pid: number): Promise<Process[]> {
  const all = await listAll();
  const family = all.filter((process) => process.pid === pid);
  for (const { pid: parent } of family) family.push(...all.filter((process) => process.parent === parent));
  return family;
}

async function listAll(): Promise<Listed[]> {
  const names = await readdir('/proc').catch(() => []);
  const listed = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => describe(Number(name))));
  return listed.flatMap((process) => process ?? []);
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

/** CPU seconds used so far by these processes and by their children that have ended; one that is gone counts 0. */
export async function cpuSeconds(processes: Process[]): Promise<number> {
  const used = await Promise.all(processes.map(({ pid }) => ticksOf(pid)));
  return used.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

async function ticksOf(pid: number): Promise<number> {
  const stat = await statOf(pid).catch(() => undefined);
  return stat ? stat.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) : 0;
}

/** Memory of one process in MB. `pss` shares what is shared among those who share it, so only it may be added up. */
export async function memoryOf({ pid }: Process): Promise<{ pss: number; rss: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024;
  return { pss: of('Pss'), rss: of('Rss') };
}
