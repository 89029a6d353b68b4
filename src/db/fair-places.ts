/**
 * Thrown where work found no place in time: its owner has its share under way, or all places are
 * taken.
 */
export class NoPlaceError extends Error {
  override name = 'NoPlaceError';
  /** Whether its own work had the places, and not others'. */
  readonly ownShare: boolean;

  constructor(ownShare: boolean) {
    super(ownShare ? 'all the places that one owner may have are taken' : 'all places are taken');
    this.ownShare = ownShare;
  }
}

/** How many may be at work, and how many may wait. */
export interface PlaceLimits {
  /** At work at once, of all owners together. */
  places: number;
  /** Of one owner. */
  each: number;
  /** Waiting at once, of one owner. */
  waiting: number;
}

interface Waiting {
  give(): void;
  refuse(error: Error): void;
}

/**
 * Hands out places, fairly by owner: a free one goes to the owner with the fewest, and among these
 * in turns. The last free place goes to no owner that has one already, so that the next owner
 * rarely waits. Nobody waits without end, and few wait at all.
 */
export class FairPlaces {
  readonly #limits: PlaceLimits;
  readonly #atWork = new Map<string, number>();
  /** In the order of their turns: who has been given a place goes to the end. */
  readonly #lines = new Map<string, Waiting[]>();
  #free: number;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
    this.#free = limits.places;
  }

  /**
   * @param limits.waitMs longest wait; who has none at work waits up to four times as long: it is
   * others that keep it waiting
   * @param limits.signal ends the wait
   * @returns gives the place back; to be called once
   * @throws NoPlaceError; or the signal's reason
   */
  async take(
    owner: string,
    { waitMs, signal }: { waitMs: number; signal?: AbortSignal },
  ): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#isAllowed(owner)) this.#occupy(owner);
    else await this.#wait(owner, waitMs, signal);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#giveBack(owner);
    };
  }

  async #wait(owner: string, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const line = this.#lines.get(owner) ?? [];
    const ownShare = (this.#atWork.get(owner) ?? 0) > 0;
    if (line.length >= this.#limits.waiting) throw new NoPlaceError(ownShare);
    this.#lines.set(owner, line);
    let [timer, leave] = [undefined as NodeJS.Timeout | undefined, () => {}];
    try {
      await new Promise<void>((give, refuse) => {
        const waiting = { give, refuse };
        line.push(waiting);
        leave = () => this.#leave(owner, waiting, signal?.reason);
        timer = setTimeout(
          () => this.#leave(owner, waiting, new NoPlaceError(ownShare)),
          ownShare ? waitMs : 4 * waitMs,
        );
        signal?.addEventListener('abort', leave);
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  #leave(owner: string, waiting: Waiting, why: Error): void {
    const line = this.#lines.get(owner) ?? [];
    const place = line.indexOf(waiting);
    if (place === -1) return;
    line.splice(place, 1);
    if (line.length === 0) this.#lines.delete(owner);
    waiting.refuse(why);
  }

  #isAllowed(owner: string): boolean {
    const own = this.#atWork.get(owner) ?? 0;
    return own < this.#limits.each && this.#free > (own === 0 ? 0 : 1);
  }

  #occupy(owner: string): void {
    this.#free -= 1;
    this.#atWork.set(owner, (this.#atWork.get(owner) ?? 0) + 1);
  }

  #giveBack(owner: string): void {
    this.#free += 1;
    const left = (this.#atWork.get(owner) ?? 1) - 1;
    if (left === 0) this.#atWork.delete(owner);
    else this.#atWork.set(owner, left);
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#admit(next);
  }

  /** Whose turn it is; undefined where nobody may. */
  #next(): string | undefined {
    const may = [...this.#lines.keys()].filter((owner) => this.#isAllowed(owner));
    const fewest = Math.min(...may.map((owner) => this.#atWork.get(owner) ?? 0));
    return may.find((owner) => (this.#atWork.get(owner) ?? 0) === fewest);
  }

  #admit(owner: string): void {
    const line = this.#lines.get(owner) ?? [];
    const first = line.shift();
    this.#lines.delete(owner);
    if (line.length > 0) this.#lines.set(owner, line);
    if (!first) return;
    this.#occupy(owner);
    first.give();
  }
}
