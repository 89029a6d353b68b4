import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Where there is too little processor time for all: effects get two fifths of what those get that
 * don't give way, others a sixth. Effects have one thread for all they do, and Temporal has many.
 */
const NICE = { effects: 4, others: 8 };

/**
 * Lets others go first: a request must not wait for the effects of those before it. Where the
 * machine has time for all nothing changes. On Linux a session of its own counts as a whole
 * ("autogroup"), and the niceness within it means nothing to others.
 *
 * @param pid a process that has just been started
 * @param args what it was started with
 */
export function giveWay(pid: number, args: string[] = []): void {
  const isOfEffects = args[0] === 'worker' && args[1] === 'effects';
  const nice = isOfEffects ? NICE.effects : NICE.others;
  try {
    setPriority(pid, nice);
    if (sessionOf(pid) === pid) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
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
