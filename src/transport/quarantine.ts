import { setTimeout as wait } from 'node:timers/promises';

/**
 * One call at a time in a process, of those that a worker may have died of: the next worker it kills takes no other of them down with
 * it, so that only the culprit is counted dead time and again.
 */
export class Quarantine {
  readonly #calmMs: number;
  #taken = false;
  readonly #turnedAway = new Set<Promise<void>>();

  /** @param calmMs how long a suspected call waits so that others, which were taken at the same moment, may be turned away first */
  constructor(calmMs = 100) {
    this.#calmMs = calmMs;
  }

  /**
   * Makes the call if no other is being made, when those that were turned away until then are written down; else turns it away.
   *
   * @param turnAway writes that it is made later
   */
  async admit(make: () => Promise<void>, turnAway: () => Promise<void>): Promise<void> {
    if (this.#taken) return await this.#away(turnAway());
    this.#taken = true;
    try {
      await wait(this.#calmMs);
      // Whoever turns up later is not waited for: where many are suspected, somebody always does.
      await Promise.allSettled([...this.#turnedAway]);
      await make();
    } finally {
      this.#taken = false;
    }
  }

  async #away(written: Promise<void>): Promise<void> {
    this.#turnedAway.add(written);
    try {
      await written;
    } finally {
      this.#turnedAway.delete(written);
    }
  }
}
