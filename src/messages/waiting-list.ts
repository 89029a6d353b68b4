import { PoolBusyError } from '../db/places.ts';
import type { Posted } from './create.ts';
import type { Pending } from './store.ts';

/** A message that waits to be stored, and who waits for that. */
export type Waiting = Pending & {
  bytes: number;
  since: number;
  resolve(posted: Posted): void;
  reject(error: unknown): void;
};

/**
 * What one statement stores at most. Bytes are bounded too: others wait for it, so one of a few
 * large messages must not take longer than one of many small ones.
 */
const BATCH = { messages: 256, bytes: 192 * 1024 };

/** What may wait at most; further messages are refused at once. */
const MOST_WAITING = { messages: 10_000, bytes: 64 * 1024 ** 2 };

/**
 * Longest that a message may wait for its statement, in ms: what a client waits for in all is that
 * and the statement's time limit.
 */
const LONGEST_WAIT = 3000;

/**
 * Messages in limited number, each for a limited time. Workspaces take turns; each one's messages
 * keep the order they came in.
 */
export class WaitingList {
  /** By workspace; whose turn it is next comes first. */
  readonly #queues = new Map<string, Queue>();
  #length = 0;
  #bytes = 0;

  get length(): number {
    return this.#length;
  }

  /** Refuses the message where too much waits already. */
  add(message: Waiting): void {
    if (this.#length >= MOST_WAITING.messages || this.#bytes >= MOST_WAITING.bytes) {
      message.reject(new PoolBusyError(`${this.#length} messages wait to be stored already`));
      return;
    }
    const queue = this.#queues.get(message.workspaceId);
    if (queue) queue.messages.push(message);
    else this.#queues.set(message.workspaceId, { messages: [message], taken: 0 });
    this.#length += 1;
    this.#bytes += message.bytes;
  }

  /**
   * The next batch: a message at least, unless what waited has waited for too long, and was told
   * so.
   */
  take(): Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (
      let next = this.#next();
      next && fits(batch.length, bytes + next.bytes);
      next = this.#next()
    ) {
      this.#remove(next);
      if (!isInTime(next)) continue;
      batch.push(next);
      bytes += next.bytes;
    }
    return batch;
  }

  #next(): Waiting | undefined {
    const [queue] = this.#queues.values();
    return queue?.messages[queue.taken];
  }

  /** Its workspace's next one has its turn after all others'. */
  #remove({ workspaceId, bytes }: Waiting): void {
    const queue = this.#queues.get(workspaceId);
    if (!queue) return;
    queue.taken += 1;
    this.#length -= 1;
    this.#bytes -= bytes;
    if (this.#queues.size > 1 || queue.taken === queue.messages.length)
      this.#queues.delete(workspaceId);
    if (queue.taken < queue.messages.length) this.#queues.set(workspaceId, trimmed(queue));
  }
}

/**
 * Messages of a workspace, of which the first `taken` are no longer there: taking one out of a long
 * array would move all others.
 */
interface Queue {
  messages: Waiting[];
  taken: number;
}

const trimmed = ({ messages, taken }: Queue): Queue =>
  taken < BATCH.messages ? { messages, taken } : { messages: messages.slice(taken), taken: 0 };

const fits = (messages: number, bytes: number): boolean =>
  messages === 0 || (messages < BATCH.messages && bytes <= BATCH.bytes);

function isInTime({ since, reject }: Waiting): boolean {
  if (performance.now() - since <= LONGEST_WAIT) return true;
  reject(
    new PoolBusyError(
      `the message waited for ${LONGEST_WAIT / 1000} s to be stored; nothing was stored`,
    ),
  );
  return false;
}
