import { open, readdir, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Home } from './home.ts';

/**
 * A log that has grown past this many bytes is set aside at the next start; one former log is kept.
 */
const longest = 10 * 1024 * 1024;

export async function setLongLogsAside(home: Home): Promise<void> {
  for (const log of await logs(home))
    if ((await sizeOf(log)) > longest) await rename(log, `${log}.1`);
}

/**
 * Tells the errors that our processes write to their logs from now on, at most one a second for
 * each log.
 *
 * @returns stops it
 */
export async function tellErrors(home: Home, tell: (line: string) => void): Promise<() => void> {
  const read = new Map<string, number>();
  for (const log of await logs(home)) read.set(log, await sizeOf(log));
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    for (const log of await logs(home)) read.set(log, await tellNew(log, read.get(log) ?? 0, tell));
    busy = false;
  }, 1000);
  timer.unref();
  return () => clearInterval(timer);
}

async function logs(home: Home): Promise<string[]> {
  const names = await readdir(home.path('logs')).catch(() => []);
  return names.filter((name) => name.endsWith('.log')).map((name) => home.path('logs', name));
}

const sizeOf = async (path: string) => (await stat(path).catch(() => undefined))?.size ?? 0;

async function tellNew(log: string, from: number, tell: (line: string) => void): Promise<number> {
  const size = await sizeOf(log);
  if (size <= from) return size;
  const file = await open(log);
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(size - from, 256 * 1024)),
      0,
      undefined,
      from,
    );
    const error = firstError(buffer.toString('utf8', 0, bytesRead));
    if (error) tell(`${basename(log, '.log')}: ${error} (more in ${join('logs', basename(log))})`);
  } finally {
    await file.close();
  }
  return size;
}

/** The levels of errors. */
const errors = ['error', 'fatal'];

function firstError(text: string): string | undefined {
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as {
        level?: string;
        msg?: string;
        err?: { message?: string };
      };
      if (errors.includes(entry.level ?? ''))
        return [entry.msg, entry.err?.message].filter(Boolean).join(': ');
    } catch {
      // Not an entry of ours, or the half of one.
    }
  }
  return undefined;
}
