import { PoolBusyError } from '../connection-limit.ts';

/** One that waits to be stored, and who waits for that. */
export interface Waiting<T, R> {
  item: T;
  workspaceId: string;
  bytes: number;
  since: number;
  resolve(answer: R | PromiseLike<R>): void;
  reject(error: unknown): void;
  /**
   * Why one that came together with it, and is before it in its sequence, was not stored and may be
   * the next time: then this one must not be stored before it. Undefined: there is no such one.
   */
  stoppedBy(): unknown;
}

/**
 * What one statement stores at most. Bytes are bounded too: others wait for it, so one of a few
 * large items must not take longer than one of many small ones.
 */
const BATCH = { items: 256, bytes: 192 * 1024 };

/** What may wait at most; further items are refused at once. */
const MOST_WAITING = { items: 10_000, bytes: 64 * 1024 ** 2 };

/**
 * Longest that an item may wait for its statement, in ms: what a client waits for in all is that
 * and the statement's time limit.
 */
const LONGEST_WAIT = 3000;

/**
 * Items in limited number, each for a limited time. Workspaces take turns; each one's items keep
 * the order they came in.
 */
export class WaitingList<T, R> {
  readonly #noun: string;
  /** By workspace; whose turn it is next comes first. */
  readonly #queues = new Map<string, Queue<Waiting<T, R>>>();
  #length = 0;
  #bytes = 0;

  /** @param noun what one of them is, such as "message" */
  constructor(noun: string) {
    this.#noun = noun;
  }

  get length(): number {
    return this.#length;
  }

  /** Refuses the item where too much waits already. */
  add(waiting: Waiting<T, R>): void {
    if (this.#length >= MOST_WAITING.items || this.#bytes >= MOST_WAITING.bytes) {
      const problem = `${this.#length} ${this.#noun}s wait to be stored already`;
      waiting.reject(new PoolBusyError(problem));
      return;
    }
    const queue = this.#queues.get(waiting.workspaceId);
    if (queue) queue.items.push(waiting);
    else this.#queues.set(waiting.workspaceId, { items: [waiting], taken: 0 });
    this.#length += 1;
    this.#bytes += waiting.bytes;
  }

  /**
   * The next batch: an item at least, unless what waited has waited for too long, and was told so.
   */
  take(): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    let bytes = 0;
    for (
      let next = this.#next();
      next && fits(batch.length, bytes + next.bytes);
      next = this.#next()
    ) {
      this.#remove(next);
      if (!this.#isInTime(next)) continue;
      batch.push(next);
      bytes += next.bytes;
    }
    return batch;
  }

  #next(): Waiting<T, R> | undefined {
    const [queue] = this.#queues.values();
    return queue?.items[queue.taken];
  }

  /** Its workspace's next one has its turn after all others'. */
  #remove({ workspaceId, bytes }: Waiting<T, R>): void {
    const queue = this.#queues.get(workspaceId);
    if (!queue) return;
    queue.taken += 1;
    this.#length -= 1;
    this.#bytes -= bytes;
    if (this.#queues.size > 1 || queue.taken === queue.items.length)
      this.#queues.delete(workspaceId);
    if (queue.taken < queue.items.length) this.#queues.set(workspaceId, trimmed(queue));
  }

  #isInTime({ since, reject }: Waiting<T, R>): boolean {
    if (performance.now() - since <= LONGEST_WAIT) return true;
    const waited = `the ${this.#noun} waited for ${LONGEST_WAIT / 1000} s to be stored`;
    reject(new PoolBusyError(`${waited}; nothing was stored`));
    return false;
  }
}

/**
 * Items of a workspace, of which the first `taken` are no longer there: taking one out of a long
 * array would move all others.
 */
interface Queue<W> {
  items: W[];
  taken: number;
}

const trimmed = <W>({ items, taken }: Queue<W>): Queue<W> =>
  taken < BATCH.items ? { items, taken } : { items: items.slice(taken), taken: 0 };

const fits = (items: number, bytes: number): boolean =>
  items === 0 || (items < BATCH.items && bytes <= BATCH.bytes);
