import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process that is this one and no other: process ids are used again, the moment of birth is not. */
export interface Identity {
  pid: number;
  birth: string;
}

/** When the process was born, in a form that only equals itself; undefined where there is no such process (a zombie counts as none). */
export async function birthOf(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? linuxBirth(pid) : otherBirth(pid);
}

export async function identify(pid: number): Promise<Identity> {
  return { pid, birth: (await birthOf(pid)) ?? 'gone' };
}

export async function isAlive({ pid, birth }: Identity): Promise<boolean> {
  return (await birthOf(pid)) === birth;
}

async function linuxBirth(pid: number): Promise<string | undefined> {
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
  ]);
  // The command's name, in brackets, may hold anything: the fields are counted from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  if (!startTime || state === 'Z' || state === 'X') return undefined;
  return `${boot.trim()}/${startTime}`;
}

async function otherBirth(pid: number): Promise<string | undefined> {
  const answer = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => undefined);
  return answer?.stdout.trim() || undefined;
}
