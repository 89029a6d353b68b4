import type { ClaimedDispatch } from './claim.ts';

export interface BatchLingerOptions {
  /** Longest linger, in ms (default 1,000). */
  longestMs: number;
  /** Events after which it lingers half as long (default 10). */
  halfAt: number;
}

/**
 * How often to look whether a batch has stopped growing, or another workspace has something, in ms.
 */
export const LOOK_AGAIN = 50;

/**
 * A stream has ended when nothing has come for so long, in ms, and for so many times what it took
 * from one to the next.
 */
const SILENCE = { ms: 40, gaps: 8 };

/**
 * Between two starts there are so many times what a start has taken lately, half of the longest
 * linger at most: a busy server gets fewer and larger dispatches.
 */
const STARTS = 5;

/**
 * Decides when the next batch may be claimed, and for whom. A workflow costs the same whatever it
 * carries, so large dispatches are cheaper.
 *
 * - After a partly filled batch its workspaces linger: 91 ms after 1 event, 500 ms after 10, 1 s at
 *   most. After a full one nobody does.
 * - If some flood, they linger by the size of the batch, and the others by their own events.
 * - If the batch is from many workspaces, those outside of it linger too, by their number.
 * - A batch that has stopped growing ends the linger.
 */
export class BatchLinger {
  readonly #options: BatchLingerOptions;
  #busy = new Set<string>();
  #everybodyAt = 0;
  #othersAt = 0;
  #countedAt = performance.now();
  /** Between two events of the last batch, in ms. */
  #gap = 0;
  #heard = { times: 0, lastAt: 0 };
  /** How long a start takes lately, in ms. */
  #startMs = 0;
  #notBefore = 0;
  #isFull = false;

  constructor(options: Partial<BatchLingerOptions> = {}) {
    this.#options = { longestMs: 1000, halfAt: 10, ...options };
  }

  /** The workspaces that linger now. */
  get lingering(): string[] {
    return this.#isLingering ? [...this.#busy] : [];
  }

  /** Whether all of these workspaces linger now. */
  areLingering(workspaceIds: string[]): boolean {
    return this.#isLingering && workspaceIds.every((id) => this.#busy.has(id));
  }

  /** Counts one more store of workspaces that linger. */
  hear(): void {
    this.#heard = { times: this.#heard.times + 1, lastAt: performance.now() };
  }

  /** How long until anything may be claimed, in ms; 0 or less: now. */
  everybodyInMs(): number {
    return Math.max(this.#notBefore, this.#lingersUntil) - performance.now();
  }

  /** How long until those that don't linger may be claimed, in ms. */
  anybodyInMs(): number {
    return Math.max(
      this.#notBefore - performance.now(),
      Math.min(this.everybodyInMs(), this.#othersAt - performance.now()),
    );
  }

  /** A start took so long, in ms. After a full batch that delays nobody. */
  took(ms: number): void {
    this.#startMs = (this.#startMs + ms) / 2;
    if (this.#isFull) return;
    this.#notBefore =
      performance.now() + Math.min(STARTS * this.#startMs, this.#options.longestMs / 2);
  }

  /**
   * Counts what has been claimed; `lingering` were left out of it, `size` is the most it could be.
   */
  count(claimed: ClaimedDispatch[], lingering: string[], size: number): void {
    const events = total(claimed);
    const now = performance.now();
    this.#isFull = events >= size;
    if (lingering.length > 0) {
      this.#othersAt = now + (events === 0 ? LOOK_AGAIN : this.#lingerAfter(events));
      return;
    }
    const floods = claimed.filter((group) => group.flooding);
    const busy = floods.length > 0 ? floods : claimed;
    this.#everybodyAt = now + (this.#isFull ? 0 : this.#lingerAfter(events));
    this.#busy = new Set(busy.flatMap((group) => group.workspace_ids));
    this.#othersAt = now + this.#lingerAfter(Math.max(events - total(busy), this.#busy.size - 1));
    this.#gap = (now - this.#countedAt) / Math.max(1, events);
    this.#countedAt = now;
    this.#heard = { times: 0, lastAt: 0 };
  }

  get #isLingering(): boolean {
    return this.#lingersUntil > performance.now();
  }

  get #lingersUntil(): number {
    return Math.min(this.#everybodyAt, this.#endOfStream());
  }

  /**
   * When what was heard while it lingers will have been the last of it, unless something else is
   * heard until then.
   */
  #endOfStream(): number {
    const { times, lastAt } = this.#heard;
    if (times === 0) return Number.POSITIVE_INFINITY;
    const gap = Math.max(this.#gap, (lastAt - this.#countedAt) / times);
    return lastAt + Math.max(SILENCE.ms, SILENCE.gaps * gap);
  }

  #lingerAfter(many: number): number {
    return (this.#options.longestMs * many) / (many + this.#options.halfAt);
  }
}

const total = (groups: ClaimedDispatch[]) => groups.reduce((n, group) => n + group.size, 0);
