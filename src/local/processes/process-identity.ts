import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that is this one and no other: process ids are used again, the moment of birth is not.
 */
export interface Identity {
  pid: number;
  birth: string;
}

/**
 * When the process was born, in a form that only equals itself; undefined where there is no such
 * process (a zombie counts as none).
 */
export function birthOf(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxBirth(pid) : otherBirth(pid);
}

export function identify(pid: number): Identity {
  return { pid, birth: birthOf(pid) ?? 'gone' };
}

export function isAlive({ pid, birth }: Identity): boolean {
  return birthOf(pid) === birth;
}

/**
 * Waits until the process has ended, be it as a zombie that nobody has reaped yet; false where it
 * is alive after the deadline (ms).
 */
export async function endedWithin(identity: Identity, deadlineMs: number): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

function linuxBirth(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The command's name, in brackets, may hold anything: the fields are counted from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  if (!startTime || state === 'Z' || state === 'X') return undefined;
  return `${readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${startTime}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function otherBirth(pid: number): string | undefined {
  try {
    const stdio = 'pipe';
    const [state, ...born] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio,
    })
      .trim()
      .split(/\s+/);
    return state?.startsWith('Z') ? undefined : born.join(' ') || undefined;
  } catch {
    return undefined;
  }
}
