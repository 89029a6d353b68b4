import { PaceOf } from './pace.ts';

/** A workspace, as far as its requests are concerned. */
export interface Share {
  id: string;
  lanes: number;
  underWay: number;
  /** Those to endpoints that are not known to be quick. */
  unproven: number;
  /** Calls that wait for its slow endpoints. */
  slowCalls: number;
  /** When it was last given a place: the order of those that have equally many. */
  servedAt: number;
}

/**
 * The furthest moment that deliveries are sent away to, in ms from now: within it a change is
 * noticed.
 */
const FURTHEST_MS = 5 * 60_000;

/**
 * Deliveries that come back once an endpoint has rested or was left alone: in portions, a twelfth
 * of that time apart, 2.5 s at most. The first tell whether it works again: each portion is twice
 * the one before it, so that all that waits for an endpoint which goes on failing doesn't ask at
 * once.
 */
const AFTER_A_REST = { part: 1 / 12, atMostMs: 2500, first: 2, most: 100 };

/** Requests to one endpoint at once. */
const WIDTH = 8;

/**
 * What one process knows of an endpoint: its pace, what is under way, and what waits. Moments are
 * on the clock of `performance.now()`.
 */
export class Lane {
  readonly id: string;
  readonly share: Share;
  readonly pace = new PaceOf();
  readonly waiting: { begin(): void }[] = [];
  underWay = 0;
  servedAt = 0;
  /** Calls that have deliveries for it which are not begun. */
  calls = 0;
  /** Nothing is sent to it before: it asked for that, or keeps failing. */
  heldUntil = 0;
  /** Nothing is sent to it at all, as far as was told last. */
  isDisabled = false;
  #width = WIDTH;
  #crowded = new Moments();
  readonly #held = new Moments();

  constructor(id: string, share: Share) {
    this.id = id;
    this.share = share;
  }

  /** Requests to it at once; while it is not known how quick it is, one. */
  get width(): number {
    return this.pace.now === 'unknown' ? 1 : this.#width;
  }

  /** @param most as its owner or an operator says; null: as many as to any */
  limitTo(most: number | null): void {
    this.#width = Math.min(WIDTH, most ?? WIDTH);
  }

  get isIdle(): boolean {
    return this.underWay === 0 && this.calls === 0 && this.waiting.length === 0;
  }

  /** A request has ended, whatever came of it. */
  took(ms: number): void {
    const before = this.pace.now;
    this.pace.took(ms);
    // They were sent away for as long as a slow one takes.
    if (this.pace.now === 'quick' && before !== 'quick') this.#crowded = new Moments();
  }

  /**
   * The moment at which a delivery that could not be begun asks again: when those that were sent
   * away before it will have had their turn, as far as can be told from how long answers take. So a
   * flood comes back in portions.
   */
  appoint(): number {
    const { usualMs } = this.pace;
    const everyMs = Math.max(1000, usualMs);
    const each = Math.round((Math.max(1, this.underWay) * everyMs) / Math.max(20, usualMs));
    return this.#crowded.next(performance.now() + 1000, { everyMs, first: each, most: each });
  }

  /**
   * The same for one that must not be begun for so long: from then on in portions, not all at once.
   */
  appointAfter(ms: number): number {
    const { part, atMostMs, ...portions } = AFTER_A_REST;
    return this.#held.next(performance.now() + ms, {
      everyMs: Math.min(part * ms, atMostMs),
      ...portions,
    });
  }
}

/**
 * How many get the first moment, and how many a later one at most; in between twice as many as the
 * one before it.
 */
interface Portions {
  everyMs: number;
  first: number;
  most: number;
}

/** Gives away moments, each to a portion. */
class Moments {
  #last = 0;
  #portion = 0;
  #room = 0;

  next(earliest: number, { everyMs, first, most }: Portions): number {
    // Of two that ask one after the other the second one's earliest is a moment later: it is the
    // same moment all the same.
    if (this.#last < earliest - 1000) this.#give(earliest, first);
    if (this.#room <= 0)
      this.#give(this.#last + everyMs, Math.max(first, Math.min(2 * this.#portion, most)));
    // What is further away comes back with the first.
    if (this.#last > earliest + FURTHEST_MS) this.#give(earliest, first);
    this.#room -= 1;
    return Math.max(this.#last, earliest);
  }

  #give(moment: number, portion: number): void {
    [this.#last, this.#portion, this.#room] = [moment, portion, portion];
  }
}
