/** How fast an endpoint has answered lately. `unknown`: this process has had no answer yet. */
export type Speed = 'fast' | 'unknown' | 'slow';

/** A slower answer counts as slow, in ms. */
export const SLOW_MS = 1000;

/** Fast answers that make up for a slow one, and the most that may be needed. */
const FAST_PER_SLOW = 4;
const MOST_NEEDED = 40;

/** The answers of one endpoint. A slow one makes it slow, several fast ones make it fast again. */
export class ResponseTimes {
  #fastNeeded = 0;
  /** Whether the endpoint has answered yet. */
  isKnown = false;
  /** How long an answer takes, in ms; the latest count most. A guess until the first. */
  usualMs = 100;

  get speed(): Speed {
    if (this.#fastNeeded > 0) return 'slow';
    return this.isKnown ? 'fast' : 'unknown';
  }

  /** Notes that a request has been in flight for SLOW_MS. */
  noteSlow(): void {
    this.#fastNeeded = Math.min(this.#fastNeeded + FAST_PER_SLOW, MOST_NEEDED);
  }

  /** Notes that a request has ended, whatever its outcome. */
  noteEnd(ms: number): void {
    this.usualMs = this.isKnown ? 0.7 * this.usualMs + 0.3 * ms : ms;
    this.isKnown = true;
    if (ms < SLOW_MS) this.#fastNeeded = Math.max(0, this.#fastNeeded - 1);
  }
}
