import type { Sql } from 'postgres';
import { NIL_UUID } from '../db/statements.ts';

/** How soon to look again for events whose key somebody holds, in ms. */
const HELD = 100;

/** Keys that are left out of a pass at most: it begins anew with more. */
const MOST_HELD = 1000;

interface Promoted {
  promoted: number;
  held: string[];
  after: string;
  is_last: boolean;
  next_ms: number | null;
}

/**
 * Puts events that were scheduled into the outbox once they are due, a batch at a time, as
 * `knockon.promote` does. Postgres' clock decides; here is only kept when to ask next. Any number
 * of dispatchers have one: one of them promotes, and any of them claims.
 */
export class DueEvents {
  readonly #pg: Sql;
  readonly #size: number;
  #askAt = 0;
  /** Keys that this pass leaves out. */
  #held: string[] = [];
  /** The last workspace of the batch before: where much is due the next ones have their turn. */
  #after = NIL_UUID;

  /** @param size most events a batch */
  constructor(pg: Sql, size: number) {
    this.#pg = pg;
    this.#size = size;
  }

  /** How long until it should be asked for what is due, in ms; 0 or less: now. */
  get inMs(): number {
    return this.#askAt - performance.now();
  }

  /**
   * Promotes a batch of what is due.
   *
   * @param atLatestMs when it should be asked again, where nothing that it knows of is due before
   * @returns how many events
   */
  async promote(atLatestMs: number): Promise<number> {
    const [row] = await this.#pg<Promoted[]>`
      select promoted, held, after, is_last, next_ms
      from knockon.promote(${this.#size}, ${this.#held}::uuid[], ${this.#after})`;
    const { promoted, held, after, is_last, next_ms } = row!;
    this.#after = after;
    const isOver = is_last || held.length > MOST_HELD;
    this.#held = isOver ? [] : held;
    const waits = [atLatestMs, next_ms ?? atLatestMs, held.length > 0 ? HELD : atLatestMs];
    this.#askAt = performance.now() + (isOver ? Math.min(...waits) : 0);
    return promoted;
  }
}
