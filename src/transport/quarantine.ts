import { setTimeout as wait } from 'node:timers/promises';

/** Least time between two moments that calls are deferred to, in ms. */
const APART = 250;

/** The furthest of these moments, in ms: another process may be free long before. */
const FURTHEST = 60_000;

/**
 * Runs one suspect call at a time. If it kills the worker, no other suspect dies with it, so only
 * the culprit's deaths are counted.
 */
export class Quarantine {
  readonly #calmMs: number;
  #taken = false;
  /** What the last call took, its wait included, in ms. */
  #took: number;
  /** The last moment that a call was deferred to. */
  #appointed = 0;
  readonly #deferred = new Set<Promise<unknown>>();

  /**
   * @param calmMs how long a suspect call waits so that others, which were taken at the same
   * moment, may be deferred first
   */
  constructor(calmMs = 100) {
    this.#calmMs = calmMs;
    this.#took = 2 * calmMs;
  }

  /**
   * Makes the call if no other is being made, once those that were deferred until then are written
   * down. Otherwise defers it.
   *
   * @param defer writes that it is made later: in so many ms, when those that were deferred before
   * it will have had their turn
   */
  async admit<T>(make: () => Promise<T>, defer: (inMs: number) => Promise<T>): Promise<T> {
    if (this.#taken) return await this.#track(defer(this.#appoint()));
    this.#taken = true;
    const began = performance.now();
    try {
      await wait(this.#calmMs);
      // Later ones are not waited for: with many suspects there is always another one.
      await Promise.allSettled([...this.#deferred]);
      return await make();
    } finally {
      this.#taken = false;
      this.#took = performance.now() - began;
    }
  }

  /** A time that no other call was deferred to. Otherwise all would come back at once. */
  #appoint(): number {
    const now = performance.now();
    const last = Math.max(this.#appointed - now, 0);
    const inMs = Math.min(last + Math.max(APART, this.#took), FURTHEST);
    this.#appointed = now + inMs;
    return inMs;
  }

  async #track<T>(written: Promise<T>): Promise<T> {
    this.#deferred.add(written);
    try {
      return await written;
    } finally {
      this.#deferred.delete(written);
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
