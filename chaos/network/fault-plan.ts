import { between, type Random, shuffled } from '../random.ts';

/** What can be wrong between our processes and Postgres, or with Postgres as a whole. */
export const faultKinds = [
  'frozen',
  'dropped',
  'forgotten',
  'reset',
  'read-only',
  'failover',
  'stopped',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One trouble: how long all is well before it, and how long it lasts. In ms. */
export interface Fault {
  kind: FaultKind;
  afterMs: number;
  forMs: number;
}

const SHORTEST = 5000;
const LONGEST = 40_000;

/**
 * Which trouble comes when, without end: each kind comes once before any comes again. It follows
 * from the random numbers alone.
 *
 * @param among the kinds that may come
 */
export function* planFaults(
  random: Random,
  among: readonly FaultKind[] = faultKinds,
): Generator<Fault, never> {
  for (;;) {
    for (const kind of shuffled(random, among)) {
      const afterMs = between(random, 2000, 6000);
      // Short ones are the more common: a long one needs as much time as several of them.
      yield { kind, afterMs, forMs: SHORTEST + (LONGEST - SHORTEST) * random() ** 2 };
    }
  }
}
