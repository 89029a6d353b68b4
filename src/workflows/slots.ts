/**
 * Follow-up calls of one share that are pending at once: the calls of other shares don't queue
 * behind all of them.
 */
const A_SHARE = 16;

/**
 * Lets so many calls be pending at once: Temporal allows a workflow 2,000 pending activities. The
 * other calls wait in the order they came, and shares take turns. A call that waits for a moment to
 * come holds no slot.
 */
export class Slots {
  #free: number;
  readonly #aShare: number;
  readonly #running = new Map<string, number>();
  /** By share; the share whose call is next comes first. */
  readonly #waiting = new Map<string | undefined, (() => void)[]>();

  constructor(free: number, aShare = A_SHARE) {
    this.#free = free;
    this.#aShare = aShare;
  }

  /** @param share whose call it is; undefined: it is a group's, or not known */
  async use<T>(call: () => Promise<T>, share?: string): Promise<T> {
    if (this.#free > 0 && this.#mayRun(share)) this.#take(share);
    else await this.#wait(share);
    try {
      return await call();
    } finally {
      this.#giveBack(share);
    }
  }

  #mayRun(share: string | undefined): boolean {
    return share === undefined || (this.#running.get(share) ?? 0) < this.#aShare;
  }

  #take(share: string | undefined): void {
    this.#free -= 1;
    if (share !== undefined) this.#running.set(share, (this.#running.get(share) ?? 0) + 1);
  }

  async #wait(share: string | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const others = this.#waiting.get(share);
      if (others) others.push(resolve);
      else this.#waiting.set(share, [resolve]);
    });
  }

  #giveBack(share: string | undefined): void {
    this.#free += 1;
    if (share !== undefined) {
      const left = (this.#running.get(share) ?? 1) - 1;
      if (left > 0) this.#running.set(share, left);
      else this.#running.delete(share);
    }
    this.#next();
  }

  #next(): void {
    for (const [share, waiting] of this.#waiting) {
      if (!this.#mayRun(share)) continue;
      const begin = waiting.shift();
      this.#waiting.delete(share);
      if (waiting.length > 0) this.#waiting.set(share, waiting);
      this.#take(share);
      begin?.();
      return;
    }
  }
}
