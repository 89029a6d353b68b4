/**
 * Which calls of an effect a worker takes. `working` of them may read and write at once. A call
 * that only waits for the outside to answer does not count among these, so that slow outside
 * parties keep no other call from being begun; of such there may be `waiting`.
 */
export class CallSlots {
  readonly working: number;
  readonly #waiting: number;
  /** Calls that a slot was taken for, and how many of them only wait. */
  #taken = 0;
  #waits = 0;
  readonly #asking: (() => void)[] = [];
  #tell: () => void = () => {};

  /** @param waiting how many more may be under way while they only wait; default none */
  constructor(working: number, waiting = 0) {
    this.working = working;
    this.#waiting = waiting;
  }

  /** How many calls may be taken now. */
  get free(): number {
    const most = Math.min(this.working + this.#waits, this.working + this.#waiting);
    return Math.max(0, most - this.#taken);
  }

  /** Calls back whenever there may be one free. */
  onFree(tell: () => void): void {
    this.#tell = tell;
  }

  tryTake(): boolean {
    if (this.free === 0) return false;
    this.begin();
    return true;
  }

  /** Takes one that was free a moment ago. */
  begin(): void {
    this.#taken += 1;
  }

  /** Waits until one is free, and takes it. @throws the signal's reason once it is aborted */
  async take(signal: AbortSignal): Promise<void> {
    while (!this.tryTake()) {
      await this.#untilFree(signal);
      // Who gives up after it was woken leaves the slot to the next.
      if (signal.aborted) this.#changed();
      signal.throwIfAborted();
    }
  }

  release(): void {
    this.#taken -= 1;
    this.#changed();
  }

  /** From now on one of the calls only waits, until what is returned is called. */
  waits(): () => void {
    this.#waits += 1;
    this.#changed();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#waits -= 1;
    };
  }

  async #untilFree(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const free = () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = () => {
        this.#asking.splice(this.#asking.indexOf(free), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', aborted, { once: true });
      this.#asking.push(free);
    });
  }

  #changed(): void {
    for (let free = this.free; free > 0; free--) this.#asking.shift()?.();
    this.#tell();
  }
}
