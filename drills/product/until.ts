import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks until it holds; an error counts as not yet. @throws after two minutes, naming what was
 * waited for
 */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  deadlineMs = 120_000,
): Promise<void> {
  for (const deadline = Date.now() + deadlineMs; ; await wait(200)) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs / 1000} s in vain: ${what}`);
  }
}
