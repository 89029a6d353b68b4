/**
 * Thrown instead of waiting on: all connections of a pool are in use, and have been for too long or
 * by too many.
 */
export class PoolBusyError extends Error {
  override name = 'PoolBusyError';
  readonly code = 'POOL_BUSY';
}

export interface PlaceOptions {
  /** How many may be in use at once. */
  places: number;
  /** Longest wait for one, in ms. */
  waitMs: number;
  /** Most that wait at once; further ones are refused at once. */
  mostWaiting: number;
}

interface Waiting {
  resolve(release: () => void): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/**
 * Lets so many use something at once. The others wait in the order they came, for a limited time
 * and in limited number.
 */
export class Places {
  readonly #options: PlaceOptions;
  readonly #waiting = new Set<Waiting>();
  #free: number;

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.#free = options.places;
  }

  /** A place where one is free at this moment; else undefined. */
  takeNow(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    return this.#releaseOnce();
  }

  /** @returns what gives the place back @throws PoolBusyError */
  take(): Promise<() => void> {
    const release = this.takeNow();
    if (release) return Promise.resolve(release);
    const { places, waitMs, mostWaiting } = this.#options;
    if (this.#waiting.size >= mostWaiting)
      return Promise.reject(
        new PoolBusyError(
          `all ${places} connections are in use, and ${mostWaiting} wait for one already`,
        ),
      );
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiting);
        reject(
          new PoolBusyError(
            `none of the ${places} connections became free within ${waitMs / 1000} s`,
          ),
        );
      };
      const waiting: Waiting = { resolve, reject, timer: setTimeout(giveUp, waitMs) };
      this.#waiting.add(waiting);
    });
  }

  #releaseOnce(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const [next] = this.#waiting;
      if (!next) {
        this.#free += 1;
        return;
      }
      this.#waiting.delete(next);
      clearTimeout(next.timer);
      // Resolved in a later microtask: by then the connection is free again in the pool.
      next.resolve(this.#releaseOnce());
    };
  }
}
