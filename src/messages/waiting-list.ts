import { PoolBusyError } from '../db/places.ts';
import type { Posted } from './create.ts';
import type { Pending } from './store.ts';

/** A message that waits to be stored, and who waits for that. */
export type Waiting = Pending & { bytes: number; since: number; resolve(posted: Posted): void; reject(error: unknown): void };

/** What one statement stores at most. Bytes are bounded too: making and sending it must not hold up the process. */
const BATCH = { messages: 256, bytes: 1024 ** 2 };

/** What may wait at most; further messages are refused at once. */
const MOST_WAITING = { messages: 10_000, bytes: 64 * 1024 ** 2 };

/** Longest that a message may wait for its statement, in ms: what a client waits for in all is that and the statement's time limit. */
const LONGEST_WAIT = 3000;

/** Messages in the order they came, in limited number, each for a limited time. */
export class WaitingList {
  readonly #messages: Waiting[] = [];
  #bytes = 0;

  get length(): number {
    return this.#messages.length;
  }

  /** Refuses the message where too much waits already. */
  add(message: Waiting): void {
    if (this.length >= MOST_WAITING.messages || this.#bytes >= MOST_WAITING.bytes) {
      message.reject(new PoolBusyError(`${this.length} messages wait to be stored already`));
      return;
    }
    this.#messages.push(message);
    this.#bytes += message.bytes;
  }

  /** The next batch: a message at least, unless what waited has waited for too long, and was told so. */
  take(): Waiting[] {
    let [count, bytes] = [0, 0];
    for (const message of this.#messages) {
      if (count === BATCH.messages || (count > 0 && bytes + message.bytes > BATCH.bytes)) break;
      count += 1;
      bytes += message.bytes;
    }
    this.#bytes -= bytes;
    return this.#messages.splice(0, count).filter(isInTime);
  }
}

function isInTime({ since, reject }: Waiting): boolean {
  if (performance.now() - since <= LONGEST_WAIT) return true;
  reject(new PoolBusyError(`the message waited for ${LONGEST_WAIT / 1000} s to be stored; nothing was stored`));
  return false;
}
