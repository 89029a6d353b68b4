/** How quick an endpoint's answers have been lately. `unknown`: this process has had none yet. */
export type Pace = 'quick' | 'unknown' | 'slow';

/** An answer that takes longer is slow, in ms. */
export const SLOW_MS = 1000;

/** Quick answers that make up for a slow one, and the most that can be asked for. */
const DEAR = 4;
const MOST = 40;

/**
 * What this process knows of an endpoint's answers. One slow answer makes it slow, and it takes
 * several quick ones to be quick again.
 */
export class PaceOf {
  #owed = 0;
  /** Whether it has answered yet. */
  isKnown = false;
  /**
   * How long its answers take, in ms; the latest count most. A guess as long as it has given none.
   */
  usualMs = 100;

  get now(): Pace {
    if (this.#owed > 0) return 'slow';
    return this.isKnown ? 'quick' : 'unknown';
  }

  /** A request has been under way for SLOW_MS. */
  isSlow(): void {
    this.#owed = Math.min(this.#owed + DEAR, MOST);
  }

  /** A request has ended, whatever came of it. */
  took(ms: number): void {
    this.usualMs = this.isKnown ? 0.7 * this.usualMs + 0.3 * ms : ms;
    this.isKnown = true;
    if (ms < SLOW_MS) this.#owed = Math.max(0, this.#owed - 1);
  }
}
