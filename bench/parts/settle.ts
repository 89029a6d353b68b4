import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Watch } from '../contestants/contestant.ts';

export interface Patience {
  /** Longest time (ms) without a further effect. */
  withoutNews: number;
  /** Longest time (ms) in all (default: no end). */
  inAll?: number;
}

/** What was seen last, and when by our own clock (ms). */
export interface Seen {
  effects: number;
  at: number;
}

/**
 * Waits until so many effects have happened, or until it is in vain. Counting takes time from those
 * who work, at most a sixth: that they have all happened is seen late, so Postgres is asked when.
 */
export async function untilHappened(
  watch: Watch,
  effects: number,
  { withoutNews, inAll = Number.POSITIVE_INFINITY }: Patience,
): Promise<Seen> {
  const began = performance.now();
  let [most, newsAt] = [-1, began];
  for (;;) {
    const asked = performance.now();
    const seen = await watch.effects();
    const now = performance.now();
    if (seen > most) [most, newsAt] = [seen, now];
    if (seen >= effects)
      return { effects: seen, at: now - (Date.now() - (await watch.lastEffect())) };
    if (now - newsAt > withoutNews || now - began > inAll) return { effects: seen, at: now };
    await wait(Math.max(10, 5 * (now - asked)));
  }
}
