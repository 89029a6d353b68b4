import type { Random } from '../random.ts';
import { pick } from '../random.ts';
import type { Workspace } from './workspace.ts';

/** The event type of `chaos/own-effects`. */
export const BILL = 'bill.settled';

/** Few keys, so that emitters meet. */
const KEYS = ['bill-1', 'bill-2', 'bill-3', 'bill-4'];

/** An event that somebody has emitted by HTTP or SQL. */
export interface Bill {
  id: string;
  workspace: Workspace;
  key: string;
  /** Who emitted it, and which of its events that is. */
  by: string;
  nth: number;
}

/** What became of events, as those who emitted them know it. */
export class Bills {
  readonly committed: Bill[] = [];
  /** Ids of events whose transaction was rolled back. */
  readonly undone: string[] = [];
  /** Transactions whose end nobody heard. */
  unsure = 0;
}

/** Makes events one after another. */
export class BillMaker {
  readonly #by: string;
  readonly #random: Random;
  #nth = 0;

  constructor(by: string, random: Random) {
    this.#by = by;
    this.#random = random;
  }

  /** Some events of a workspace, mostly of known keys. */
  some(workspaces: Workspace[], most: number): Omit<Bill, 'id'>[] {
    const workspace = pick(this.#random, workspaces);
    const count = 1 + Math.floor(this.#random() * most);
    return Array.from({ length: count }, () => {
      this.#nth += 1;
      const isNew = this.#random() < 0.1;
      const key = isNew ? `${this.#by}-${this.#nth}` : pick(this.#random, KEYS);
      return { workspace, key, by: this.#by, nth: this.#nth };
    });
  }
}

export const payloadOf = ({ by, nth }: Pick<Bill, 'by' | 'nth'>) => ({ by, nth });
