import { readFileSync } from 'node:fs';
import { type Identity, identify, isAlive } from './process-identity.ts';

const EVERY_MS = 1000;

/**
 * Tells once the npm that runs us as one of its scripts is gone: an npm that is killed tells
 * nobody. Who has put us to the background himself, without npm, may leave.
 */
export function whenNpmIsGone(callback: () => void): void {
  if (!process.env.npm_lifecycle_event) return;
  const { ppid } = process;
  const ancestors = upToNpm(ppid);
  const timer = setInterval(() => {
    if (process.ppid === ppid && ancestors.every(isAlive)) return;
    clearInterval(timer);
    callback();
  }, EVERY_MS);
  timer.unref();
}

/**
 * Our parent and those above it, shells and scripts, up to npm; none where that can't be seen: then
 * a new parent tells.
 */
function upToNpm(parent: number): Identity[] {
  const found: Identity[] = [];
  let pid = parent;
  while (pid > 1 && found.length < 5) {
    const stat = statOf(pid);
    if (!stat) return [];
    found.push(identify(pid));
    if (stat.name.startsWith('npm')) return found;
    pid = stat.parent;
  }
  return [];
}

function statOf(pid: number): { name: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      parent: Number(parent),
    };
  } catch {
    return undefined;
  }
}
