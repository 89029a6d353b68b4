import { setTimeout as wait } from 'node:timers/promises';

/** Waits before a row that is locked is asked for again, in ms. Each varies by a half. */
const WAITS_MS = [5, 15, 45, 135];

/** Thrown where a row stays locked. It has the code of a lock that Postgres did not get in time. */
export class RowLockedError extends Error {
  override name = 'RowLockedError';
  readonly code = '55P03';
}

/**
 * Asks by a statement that skips a row if it is locked, until the row is free, for 200 ms or so. No
 * connection is held between: rows that somebody keeps locked must not use up the connections of
 * all.
 *
 * @returns the last answer
 */
export async function askUntilFree<T>(
  ask: () => Promise<T>,
  isLocked: (answer: T) => boolean,
): Promise<T> {
  let answer = await ask();
  for (const ms of WAITS_MS) {
    if (!isLocked(answer)) return answer;
    await wait(ms * (0.5 + Math.random()));
    answer = await ask();
  }
  return answer;
}
