import { setTimeout as wait } from 'node:timers/promises';

/** Least time between two moments for which calls are turned away, in ms. */
const APART = 250;

/** The furthest of these moments, in ms: another process may be free long before. */
const FURTHEST = 60_000;

/**
 * One call at a time in a process, of those that a worker may have died of: the next worker it
 * kills takes no other of them down with it, so that only the culprit is counted dead time and
 * again.
 */
export class Quarantine {
  readonly #calmMs: number;
  #taken = false;
  /** What the last call took, its wait included, in ms. */
  #took: number;
  /** The last moment that somebody was turned away for. */
  #appointed = 0;
  readonly #turnedAway = new Set<Promise<unknown>>();

  /**
   * @param calmMs how long a suspected call waits so that others, which were taken at the same
   * moment, may be turned away first
   */
  constructor(calmMs = 100) {
    this.#calmMs = calmMs;
    this.#took = 2 * calmMs;
  }

  /**
   * Makes the call if no other is being made, when those that were turned away until then are
   * written down; else turns it away.
   *
   * @param turnAway writes that it is made later: in so many ms, when those that were turned away
   * before it will have had their turn
   */
  async admit<T>(make: () => Promise<T>, turnAway: (inMs: number) => Promise<T>): Promise<T> {
    if (this.#taken) return await this.#away(turnAway(this.#appoint()));
    this.#taken = true;
    const began = performance.now();
    try {
      await wait(this.#calmMs);
      // Later ones are not waited for: with many suspects there is always another one.
      await Promise.allSettled([...this.#turnedAway]);
      return await make();
    } finally {
      this.#taken = false;
      this.#took = performance.now() - began;
    }
  }

  /**
   * The next moment that nobody was turned away for yet: all at once they would be turned away time
   * and again.
   */
  #appoint(): number {
    const now = performance.now();
    const last = Math.max(this.#appointed - now, 0);
    const inMs = Math.min(last + Math.max(APART, this.#took), FURTHEST);
    this.#appointed = now + inMs;
    return inMs;
  }

  async #away<T>(written: Promise<T>): Promise<T> {
    this.#turnedAway.add(written);
    try {
      return await written;
    } finally {
      this.#turnedAway.delete(written);
    }
  }
}

/**
 * A process's quarantines: one for effects that change our database, one for those that call the
 * outside. A server there that doesn't answer would delay the others as long as a call may take.
 */
export class Quarantines {
  readonly #database: Quarantine;
  readonly #outside: Quarantine;

  constructor(calmMs?: number) {
    this.#database = new Quarantine(calmMs);
    this.#outside = new Quarantine(calmMs);
  }

  /** @param effect has a `transact`, or calls the outside */
  of(effect: object): Quarantine {
    return 'transact' in effect ? this.#database : this.#outside;
  }
}
