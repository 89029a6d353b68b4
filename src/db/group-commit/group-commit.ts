import type { Sql } from 'postgres';
import { errorCode, isDatabaseAway } from '../errors.ts';
import { type Waiting, WaitingList } from './waiting-list.ts';

/**
 * What happens to items whose sequence (such as a channel) another transaction holds. `left out`:
 * nothing of theirs is stored, and nobody waits for it.
 */
export type WhatIsHeld = 'left out' | 'waited for';

/** What became of a batch. */
export interface StoredBatch<T, R> {
  /** Sequences that were left out because another transaction holds them. */
  held: Set<string>;
  /** What is answered for an item that was not left out. */
  answer(item: T): R | Promise<R>;
}

/** How items of one kind are stored. */
export interface Kind<T, R> {
  /** What one of them is, such as "message". */
  noun: string;
  workspaceOf(item: T): string;
  /** About how much it is. */
  bytesOf(item: T): number;
  /** What it takes its place in; undefined where it is in no order. */
  sequenceOf(item: T): string | undefined;
  /**
   * Stores a batch in one statement.
   *
   * @throws Postgres' 55P03 where what is held was waited for in vain
   */
  store(pg: Sql, batch: T[], whatIsHeld: WhatIsHeld): Promise<StoredBatch<T, R>>;
  /** What an item is told whose sequence stayed held. */
  heldError(item: T): Error;
}

/** Where items are stored. */
export interface Connections {
  pg: Sql;
  /** Connections that may wait for what somebody else holds; default: `pg`. */
  forHeldRows?: Sql;
}

/**
 * An item of more bytes is large: its statement takes tens of milliseconds where one of small items
 * takes one.
 */
const LARGE = 8 * 1024;

/**
 * The group commit at ingest: items that arrive while a statement runs travel together in the next
 * one. One is in flight at a time and nobody waits for a timer, so a lone item goes at once. Large
 * items have statements of their own beside these: no small one waits for them. A sequence that
 * another transaction holds is left out, and waited for apart: only its own items wait.
 */
export class GroupCommit<T, R> {
  readonly #kind: Kind<T, R>;
  readonly #pg: Sql;
  readonly #forHeldRows: Sql;
  readonly #small: WaitingList<T, R>;
  readonly #large: WaitingList<T, R>;
  readonly #held = new Map<string, WaitingList<T, R>>();
  readonly #draining = new Set<WaitingList<T, R>>();

  constructor(kind: Kind<T, R>, { pg, forHeldRows = pg }: Connections) {
    this.#kind = kind;
    this.#pg = pg;
    this.#forHeldRows = forHeldRows;
    this.#small = new WaitingList(kind.noun);
    this.#large = new WaitingList(kind.noun);
  }

  /** @throws Postgres' error where the database refuses this item, or is away */
  add(item: T): Promise<R> {
    return this.addAll([item])[0]!;
  }

  /**
   * Adds items that come together: those of one sequence are stored in this order. Where one of
   * them may only be stored the next time, those behind it are not stored either.
   */
  addAll(items: T[]): Promise<R>[] {
    const bytes = items.reduce((sum, item) => sum + this.#kind.bytesOf(item), 0);
    const list = bytes > LARGE ? this.#large : this.#small;
    const stopped = new Map<string, unknown>();
    const answers = items.map((item) => this.#enqueue(item, list, stopped));
    this.#drainSoon(list);
    return answers;
  }

  /** @param stopped the sequences of which an item was not stored, with the error */
  #enqueue(item: T, bySize: WaitingList<T, R>, stopped: Map<string, unknown>): Promise<R> {
    const list = this.#listOfHeld(item) ?? bySize;
    const sequence = this.#kind.sequenceOf(item);
    return new Promise<R>((resolve, rejectItem) => {
      const reject = (error: unknown) => {
        if (sequence !== undefined && isForAll(error)) stopped.set(sequence, error);
        rejectItem(error);
      };
      list.add({
        item,
        workspaceId: this.#kind.workspaceOf(item),
        bytes: this.#kind.bytesOf(item),
        since: performance.now(),
        resolve,
        reject,
        stoppedBy: () => (sequence === undefined ? undefined : stopped.get(sequence)),
      });
    });
  }

  #listOfHeld(item: T): WaitingList<T, R> | undefined {
    if (this.#held.size === 0) return undefined;
    const sequence = this.#kind.sequenceOf(item);
    return sequence === undefined ? undefined : this.#held.get(sequence);
  }

  #drainSoon(list: WaitingList<T, R>): void {
    if (this.#draining.has(list) || list.length === 0) return;
    this.#draining.add(list);
    // Requests that are read in this turn of the event loop still join.
    setImmediate(() => void this.#drain(list));
  }

  async #drain(list: WaitingList<T, R>): Promise<void> {
    while (list.length > 0) await this.#store(this.#withoutHeld(list.take()), 'left out');
    this.#draining.delete(list);
  }

  /** What comes behind an item that waits for its sequence waits there too. */
  #withoutHeld(batch: Waiting<T, R>[]): Waiting<T, R>[] {
    if (this.#held.size === 0) return batch;
    return batch.filter((waiting) => {
      const list = this.#listOfHeld(waiting.item);
      list?.add(waiting);
      return list === undefined;
    });
  }

  async #store(taken: Waiting<T, R>[], whatIsHeld: WhatIsHeld): Promise<void> {
    const batch = taken.filter(isNotStopped);
    if (batch.length === 0) return;
    try {
      const pg = whatIsHeld === 'left out' ? this.#pg : this.#forHeldRows;
      const items = batch.map(({ item }) => item);
      const { held, answer } = await this.#kind.store(pg, items, whatIsHeld);
      for (const waiting of batch) {
        const sequence = held.size > 0 ? this.#kind.sequenceOf(waiting.item) : undefined;
        if (sequence !== undefined && held.has(sequence)) this.#waitFor(sequence, waiting);
        else waiting.resolve(answer(waiting.item));
      }
    } catch (error) {
      if (batch.length === 1 || isForAll(error)) return this.#rejectAll(batch, error);
      // One of them is bad. Its neighbors are stored without it.
      const middle = Math.ceil(batch.length / 2);
      await this.#store(batch.slice(0, middle), whatIsHeld);
      await this.#store(batch.slice(middle), whatIsHeld);
    }
  }

  #waitFor(sequence: string, waiting: Waiting<T, R>): void {
    const known = this.#held.get(sequence);
    const list = known ?? new WaitingList<T, R>(this.#kind.noun);
    list.add(waiting);
    if (known) return;
    this.#held.set(sequence, list);
    void this.#storeOnceFree(sequence, list);
  }

  async #storeOnceFree(sequence: string, list: WaitingList<T, R>): Promise<void> {
    while (list.length > 0) await this.#store(list.take(), 'waited for');
    this.#held.delete(sequence);
  }

  #rejectAll(batch: Waiting<T, R>[], error: unknown): void {
    const isHeld = errorCode(error) === '55P03';
    for (const { item, reject } of batch) reject(isHeld ? this.#kind.heldError(item) : error);
  }
}

/**
 * Whether a statement failed for a reason that all its items share: the database is away or too
 * slow, or another transaction holds their sequence.
 */
const isForAll = (error: unknown) => isDatabaseAway(error) || errorCode(error) === '57014';

/** One that is stopped is told why. */
function isNotStopped<T, R>({ stoppedBy, reject }: Waiting<T, R>): boolean {
  const error = stoppedBy();
  if (error !== undefined) reject(error);
  return error === undefined;
}

/** Idempotency keys whose requests are under way in this process. */
export class KeysInFlight {
  readonly #keys = new Set<string>();

  /** @returns false where a request with that key is under way; without a key true */
  take(workspaceId: string, key: string | undefined): boolean {
    if (key === undefined) return true;
    const name = `${workspaceId} ${key}`;
    if (this.#keys.has(name)) return false;
    this.#keys.add(name);
    return true;
  }

  letGo(workspaceId: string, key: string | undefined): void {
    this.#keys.delete(`${workspaceId} ${key}`);
  }
}

/** Another transaction holds what an item takes its place in, for longer than the item waits. */
export class HeldError extends Error {
  override name = 'HeldError';
  readonly code = '55P03';

  /** @param what is held, such as "event's key" */
  constructor(what: string) {
    super(`another transaction holds the ${what}; nothing was stored, try again in a moment`);
  }
}
