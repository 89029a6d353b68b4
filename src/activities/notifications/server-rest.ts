/** How long the mail server rests, in ms. The time doubles with each refused probe. */
const REST = { first: 5000, longest: 300_000 };

/** Consecutive refusals of single recipients that start a rest: perhaps they are meant for us. */
const IN_A_ROW = 3;

/** How long mails wait while a probe is in flight, in ms. */
const PROBE = 2000;

/** Gives a mail server that accepts nothing a rest. Then one mail at a time probes it. */
export class ServerRest {
  readonly #firstMs: number;
  #refusals = 0;
  #restMs = 0;
  /** On the clock of `performance.now()`. */
  #until = 0;
  #isProbing = false;

  /** @param firstMs the first rest (default 5 s) */
  constructor(firstMs = REST.first) {
    this.#firstMs = firstMs;
  }

  /**
   * Asks whether a mail may be sent. If `waitMs` is 0 it may, and its outcome must be noted.
   * Otherwise ask again then.
   */
  ask(): { waitMs: number; isProbe: boolean } {
    if (this.#restMs === 0) return { waitMs: 0, isProbe: false };
    const leftMs = this.#until - performance.now();
    if (leftMs > 0) return { waitMs: leftMs, isProbe: false };
    if (this.#isProbing) return { waitMs: PROBE, isProbe: false };
    this.#isProbing = true;
    return { waitMs: 0, isProbe: true };
  }

  /** Notes that a mail was accepted, or refused only for its recipient. */
  noteSuccess(): void {
    this.#refusals = 0;
    this.#restMs = 0;
    this.#isProbing = false;
  }

  /**
   * Notes that the server refused us.
   *
   * @param forAll the refusal holds for every mail
   * @returns the time until the next probe, in ms; 0 if there is no rest
   */
  noteRefusal(forAll: boolean, isProbe: boolean): number {
    if (isProbe) this.#isProbing = false;
    this.#refusals += 1;
    const isResting = this.#restMs > 0;
    if (!isResting && !forAll && this.#refusals < IN_A_ROW) return 0;
    // Mails that were in flight when the rest began say nothing new.
    if (!isResting || isProbe) {
      this.#restMs = Math.min(isResting ? this.#restMs * 2 : this.#firstMs, REST.longest);
      this.#until = performance.now() + this.#restMs;
    }
    return Math.max(0, this.#until - performance.now());
  }

  /** Notes that a mail was not sent to its end, which says nothing of the server. */
  noteInterruption(isProbe: boolean): void {
    if (isProbe) this.#isProbing = false;
  }
}
