import { between, type Random, shuffled } from './random.ts';

/** One blow: who is killed, how long after the one before, and how long it stays down. In ms. */
export interface Strike {
  afterMs: number;
  victims: string[];
  downMs: number;
}

/** Of five blows one hits two at once. */
const DOUBLE = 0.2;

/** Who is killed when, without end: everybody's turn comes once before anybody's comes again. It follows from the random numbers alone. */
export function* planOf(random: Random, names: readonly string[]): Generator<Strike, never> {
  for (;;) {
    const order = shuffled(random, names);
    while (order.length > 0) {
      const victims = order.splice(0, random() < DOUBLE ? 2 : 1);
      yield { afterMs: between(random, 800, 4500), victims, downMs: between(random, 0, 3000) };
    }
  }
}
