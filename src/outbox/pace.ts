/** So many starts one right after the other, and so many a second once these are used up. */
export interface Allowance {
  burst: number;
  perSecond: number;
}

/** How fast dispatches are started that are not full. */
export interface PaceOptions {
  /** Of a single event each: somebody waits for each of them (default 60 at once, then 20 a second). */
  lone: Allowance;
  /** Of several events: they come faster than they are started, so let more of them join (default 5 at once, then 10 a second). */
  groups: Allowance;
}

/**
 * When the next dispatch may be started. A workflow costs the same whatever it carries, so a steady stream travels better in
 * groups: up to a tenth of a second later, and for a fraction. Full groups need no pace, they carry all they can.
 */
export class Pace {
  readonly #lone: Bucket;
  readonly #groups: Bucket;

  constructor({ lone = { burst: 60, perSecond: 20 }, groups = { burst: 5, perSecond: 10 } }: Partial<PaceOptions> = {}) {
    this.#lone = new Bucket(lone);
    this.#groups = new Bucket(groups);
  }

  /** Counts what has been claimed: `dispatches` of so many events in all, at most `size`. */
  count(dispatches: number, events: number, size: number): void {
    if (events >= size) return;
    if (events > dispatches) this.#groups.take(dispatches);
    else this.#lone.take(dispatches);
  }

  /** How long until the next claim, in ms; 0 or less: now. */
  waitMs(): number {
    return Math.max(this.#lone.waitMs(), this.#groups.waitMs());
  }
}

class Bucket {
  #used = 0;
  #countedAt = performance.now();
  readonly #allowance: Allowance;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  take(starts: number): void {
    this.#used += starts;
  }

  waitMs(): number {
    const { burst, perSecond } = this.#allowance;
    const now = performance.now();
    this.#used = Math.max(0, this.#used - ((now - this.#countedAt) / 1000) * perSecond);
    this.#countedAt = now;
    return ((this.#used - burst + 1) / perSecond) * 1000;
  }
}
