import type { Workspace } from './workspace.ts';

/** A message that the API has answered for. */
export interface Accepted {
  id: string;
  event_id: string;
  seq: number;
  channel_id: string;
  workspace: Workspace;
  author: string;
  /** Whom each of its texts mentions; null: nobody. */
  mention: string | null;
  /** As it was last answered for. */
  text: string;
  /** A word that no other text has. */
  word: string;
  /** Words of its former texts. */
  former: string[];
  /** Edits that were answered. */
  edits: number;
  isDeleted: boolean;
  /**
   * A call about it ran out of the client's time: it may have been made after the one that repeated
   * it.
   */
  isUnsure: boolean;
}

/**
 * What the client wrote down: everything the API has answered for, and every answer that should not
 * have come.
 */
export class Journal {
  readonly messages: Accepted[] = [];
  edits = 0;
  deletions = 0;
  /** Repeated calls under a key that had been answered already. */
  replays = 0;
  /**
   * Keys of messages that were given up without an answer: nobody knows what has become of them.
   */
  readonly unanswered = new Set<string>();
  readonly answers = new Map<string, number>();
  readonly wrong: string[] = [];

  /** @param how a status, or why none came */
  count(how: string): void {
    this.answers.set(how, (this.answers.get(how) ?? 0) + 1);
  }

  complain(what: string): void {
    this.wrong.push(what);
  }
}
