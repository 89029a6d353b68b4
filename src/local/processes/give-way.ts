import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * A sixth of the processor time of those that don't give way, where there is too little for all.
 */
const NICE = 8;

/**
 * Lets others go first: a request must not wait for the effects of those before it. Where the
 * machine has time for all nothing changes. On Linux a session of its own counts as a whole
 * ("autogroup"), and the niceness within it means nothing to others.
 *
 * @param pid a process that has just been started
 */
export function giveWay(pid: number): void {
  try {
    setPriority(pid, NICE);
    if (sessionOf(pid) === pid) writeFileSync(`/proc/${pid}/autogroup`, String(NICE));
  } catch {
    // It has ended, or this system knows no such thing: then it runs as everything else.
  }
}

/** The session of a process, of which it may be the first. @throws where there is no /proc */
function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name before it may hold blanks and parentheses.
  const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(session);
}
