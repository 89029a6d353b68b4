/**
 * What is read for a call needs no room up to so many bytes: calls about ordinary messages never
 * wait for those about large ones.
 */
const SMALL = 256 * 1024;

interface Waiting {
  bytes: number;
  grant(release: () => void): void;
}

/**
 * Bounds what the calls of an effect have read and not yet done, in bytes, in this process. A call
 * has room for one page at a time and asks before it has a connection, so no deadlock is possible.
 */
export class MemoryBudget {
  readonly #bytes: number;
  #used = 0;
  readonly #waiting: Waiting[] = [];

  /**
   * @param bytes what there is; more than that is given to one call at a time, where a single event
   * is larger
   */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /**
   * @returns what gives it back; undefined where there is not so much room, or others wait for
   * theirs
   */
  tryTake(bytes: number): (() => void) | undefined {
    if (bytes <= SMALL) return () => {};
    return this.#waiting.length === 0 && this.#has(bytes) ? this.#give(bytes) : undefined;
  }

  /**
   * Waits for room, in the order of asking. @returns undefined where there was none in that time
   */
  async take(bytes: number, atMostMs: number): Promise<(() => void) | undefined> {
    const release = this.tryTake(bytes);
    if (release) return release;
    return await new Promise((resolve) => {
      const waiting: Waiting = {
        bytes,
        grant: (granted) => {
          clearTimeout(timer);
          resolve(granted);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(undefined);
        this.#grant();
      }, atMostMs);
      this.#waiting.push(waiting);
    });
  }

  #has(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytes;
  }

  #give(bytes: number): () => void {
    this.#used += bytes;
    let isBack = false;
    return () => {
      if (isBack) return;
      isBack = true;
      this.#used -= bytes;
      this.#grant();
    };
  }

  #grant(): void {
    for (let [first] = this.#waiting; first && this.#has(first.bytes); [first] = this.#waiting) {
      this.#waiting.shift();
      first.grant(this.#give(first.bytes));
    }
  }
}
