/** How long the mail server is left alone, in ms: doubled each time it still refuses. */
const REST = { first: 5000, longest: 300_000 };

/**
 * Refusals in a row after which it is left alone, where each was of one recipient: the server may
 * mean them, not us.
 */
const IN_A_ROW = 3;

/** How long mails wait while one tries whether the server takes them again, in ms. */
const PROBE = 2000;

/**
 * Leaves a mail server alone that takes nothing from us, but for one mail at a time that tries
 * whether it does again.
 */
export class MailRest {
  readonly #firstMs: number;
  #refusals = 0;
  #restMs = 0;
  /** On the clock of `performance.now()`. */
  #until = 0;
  #isProbing = false;

  /** @param firstMs how long it is left alone at first (default 5 s) */
  constructor(firstMs = REST.first) {
    this.#firstMs = firstMs;
  }

  /**
   * Asks to send. @returns in how many ms to ask again; 0: send, and tell what came of it, as a
   * probe where `isProbe`
   */
  ask(): { waitMs: number; isProbe: boolean } {
    if (this.#restMs === 0) return { waitMs: 0, isProbe: false };
    const left = this.#until - performance.now();
    if (left > 0) return { waitMs: left, isProbe: false };
    if (this.#isProbing) return { waitMs: PROBE, isProbe: false };
    this.#isProbing = true;
    return { waitMs: 0, isProbe: true };
  }

  /** A mail was taken, or refused because of its recipient alone. */
  works(): void {
    this.#refusals = 0;
    this.#restMs = 0;
    this.#isProbing = false;
  }

  /**
   * @param forAll it holds for every mail. @returns how long until it is tried again, in ms; 0: at
   * any time
   */
  refuses(forAll: boolean, isProbe: boolean): number {
    if (isProbe) this.#isProbing = false;
    this.#refusals += 1;
    const isResting = this.#restMs > 0;
    if (!isResting && !forAll && this.#refusals < IN_A_ROW) return 0;
    // Mails that were under way when it began say nothing new.
    if (!isResting || isProbe) {
      this.#restMs = Math.min(isResting ? this.#restMs * 2 : this.#firstMs, REST.longest);
      this.#until = performance.now() + this.#restMs;
    }
    return Math.max(0, this.#until - performance.now());
  }

  /** A mail was not sent to its end, which tells nothing. */
  interrupted(isProbe: boolean): void {
    if (isProbe) this.#isProbing = false;
  }
}
