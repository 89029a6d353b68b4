import { between, type Random, shuffled } from '../random.ts';

/** What can be wrong between our processes and Postgres, or with Postgres as a whole. */
export const kinds = [
  'frozen',
  'dropped',
  'forgotten',
  'reset',
  'read-only',
  'failover',
  'stopped',
] as const;
export type Kind = (typeof kinds)[number];

/** One trouble: how long all is well before it, and how long it lasts. In ms. */
export interface Trouble {
  kind: Kind;
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
export function* planOf(random: Random, among: readonly Kind[] = kinds): Generator<Trouble, never> {
  for (;;) {
    for (const kind of shuffled(random, among)) {
      const afterMs = between(random, 2000, 6000);
      // Short ones are the more common: a long one needs as much time as several of them.
      yield { kind, afterMs, forMs: SHORTEST + (LONGEST - SHORTEST) * random() ** 2 };
    }
  }
}
