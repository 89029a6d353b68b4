import { CancellationScope } from '@temporalio/workflow';
import type { DeadLetter } from '../transport/retry/next-steps.ts';
import { count } from '../transport/retry/selection.ts';
import { database } from './database.ts';
import type { Leg } from './leg.ts';
import { addOpenLetters } from './open-letters.ts';

/** How many events were given up, and why the first of them. */
export interface Dead {
  events: number;
  reason?: string;
}

export const noneDead: Dead = { events: 0 };

export function sum(dead: Dead[]): Dead {
  return {
    events: dead.reduce((n, d) => n + d.events, 0),
    reason: dead.find((d) => d.reason)?.reason,
  };
}

/** Letters that one activity call writes, and characters of a reason that travel. */
const MOST = { letters: 100, reason: 2000 };

interface Posted {
  letter: DeadLetter;
  written(): void;
  failed(error: unknown): void;
}

/**
 * Writes a subscriber's dead letters. One activity call at a time is pending, however many events
 * are given up and however long the database is away: what is posted meanwhile goes with the next
 * call. A call that has begun ends, even if the run ends.
 */
export class DeadLetterBox {
  readonly #leg: Pick<Leg, 'dispatch' | 'subscriber'>;
  readonly #posted: Posted[] = [];
  #isWriting = false;

  constructor(leg: Pick<Leg, 'dispatch' | 'subscriber'>) {
    this.#leg = leg;
  }

  /** Resolves when the letter is written. @throws ActivityFailure */
  async post(letter: DeadLetter): Promise<void> {
    const written = new Promise<void>((resolve, reject) =>
      this.#posted.push({ letter, written: resolve, failed: reject }),
    );
    if (!this.#isWriting) void this.#writeAll();
    await written;
  }

  /** Gives up on all events that are not done: the workflow was cancelled. */
  async postAll(): Promise<void> {
    const events = { offset: 0, limit: this.#leg.dispatch.size };
    const why = { cause: 'cancelled', reason: 'the workflow was cancelled' };
    await this.#record([{ events, ...why }]);
    // The workflow does not know how many of them were not done.
    addOpenLetters(this.#leg.subscriber.name, 0);
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // What the same activation gives up later goes with this call.
    await Promise.resolve();
    while (this.#posted.length > 0) await this.#write(this.#posted.splice(0, MOST.letters));
    this.#isWriting = false;
  }

  async #write(batch: Posted[]): Promise<void> {
    const letters = batch.map(({ letter }) => ({
      ...letter,
      reason: letter.reason.slice(0, MOST.reason),
    }));
    try {
      await this.#record(letters);
      const events = letters.reduce((n, letter) => n + count(letter.events), 0);
      addOpenLetters(this.#leg.subscriber.name, events);
      for (const { written } of batch) written();
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  /** Writes dead letters for those of these events that have no receipt. */
  async #record(letters: DeadLetter[]): Promise<void> {
    const { dispatch, subscriber } = this.#leg;
    const { id: dispatch_id, origin } = dispatch;
    await CancellationScope.nonCancellable(() =>
      database.recordDeadLetters({ dispatch_id, origin, subscriber: subscriber.name, letters }),
    );
  }
}
