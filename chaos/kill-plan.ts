import { between, type Random, shuffled } from './random.ts';

/** One blow: who is killed, how long after the one before, and how long it stays down. In ms. */
export interface PlannedKill {
  afterMs: number;
  victims: string[];
  /** How long it stays down, or frozen. */
  downMs: number;
  /**
   * Frozen (SIGSTOP) instead of killed: it goes on later as if nothing had happened, and meanwhile
   * others have its work.
   */
  freezes: boolean;
}

/** Of five blows one hits two at once. */
const DOUBLE = 0.2;

/** How often a process is frozen, where that is asked for. */
const FREEZES = 0.3;

/** Temporal gives a silent worker up after 15 s: some are back before that, some after. */
const FROZEN = { from: 2000, to: 22_000 };

/**
 * Who is killed when, without end: everybody's turn comes once before anybody's comes again. It
 * follows from the random numbers alone.
 *
 * @param freezing whether some are frozen instead (default: none)
 */
export function* planKills(
  random: Random,
  names: readonly string[],
  freezing = false,
): Generator<PlannedKill, never> {
  for (;;) {
    const order = shuffled(random, names);
    while (order.length > 0) {
      const victims = order.splice(0, random() < DOUBLE ? 2 : 1);
      const [afterMs, downMs] = [between(random, 800, 4500), between(random, 0, 3000)];
      const freezes = freezing && random() < FREEZES;
      yield {
        afterMs,
        victims,
        freezes,
        downMs: freezes ? between(random, FROZEN.from, FROZEN.to) : downMs,
      };
    }
  }
}
