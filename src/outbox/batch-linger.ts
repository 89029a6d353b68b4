import type { ClaimedDispatch } from './claim.ts';

export interface BatchLingerOptions {
  /** Longest rest after a dispatch that was not full, in ms (default 1,000). */
  longestMs: number;
  /** Events at which the rest is half of that (default 10). */
  halfAt: number;
}

/**
 * How soon to look again whether a group has stopped growing, or somebody else has something,
 * in ms.
 */
export const LOOK_AGAIN = 50;

/**
 * A stream has ended when nothing has come for so long, in ms, and for so many times what it took
 * from one to the next.
 */
const SILENCE = { ms: 40, gaps: 8 };

/**
 * Between two starts there are so many times what a start has taken lately, half of the longest
 * rest at most: a busy server gets fewer and larger groups.
 */
const STARTS = 5;

/**
 * When the next dispatch may be started, and for whom. A workflow costs the same whatever it
 * carries, so the busier the stream the longer the rest in which a group gathers: 91 ms after one
 * event, half a second after ten, never after a full group. Only the workspaces of that group rest,
 * and where some flood only those: what another one stores meanwhile goes at once, so that a flood
 * delays itself and nobody else. Where the stream is many workspaces' the others rest too, by their
 * number: one of a crowd is no bystander. A group that has stopped growing rests no longer: the
 * last of a stream do not wait for what does not come.
 */
export class BatchLinger {
  readonly #options: BatchLingerOptions;
  #busy = new Set<string>();
  #everybodyAt = 0;
  #othersAt = 0;
  #countedAt = performance.now();
  /** Between two events of the last group, in ms. */
  #gap = 0;
  #heard = { times: 0, lastAt: 0 };
  /**
   * How long a start has taken lately, in ms; of those after which nobody need rest none counts.
   */
  #startMs = 0;
  #notBefore = 0;
  #isFull = false;

  constructor(options: Partial<BatchLingerOptions> = {}) {
    this.#options = { longestMs: 1000, halfAt: 10, ...options };
  }

  /** The workspaces that rest now. */
  get resting(): string[] {
    return this.#isResting ? [...this.#busy] : [];
  }

  /** Whether all of these workspaces rest now. */
  areResting(workspaceIds: string[]): boolean {
    return this.#isResting && workspaceIds.every((id) => this.#busy.has(id));
  }

  /** Counts one more store of workspaces that rest. */
  hear(): void {
    this.#heard = { times: this.#heard.times + 1, lastAt: performance.now() };
  }

  /** How long until anything may be claimed, in ms; 0 or less: now. */
  everybodyInMs(): number {
    return Math.max(this.#notBefore, this.#restsUntil) - performance.now();
  }

  /** How long until those that don't rest may be claimed, in ms. */
  anybodyInMs(): number {
    return Math.max(
      this.#notBefore - performance.now(),
      Math.min(this.everybodyInMs(), this.#othersAt - performance.now()),
    );
  }

  /** A start took so long, in ms. */
  took(ms: number): void {
    this.#startMs = (this.#startMs + ms) / 2;
    if (this.#isFull) return;
    this.#notBefore =
      performance.now() + Math.min(STARTS * this.#startMs, this.#options.longestMs / 2);
  }

  /**
   * Counts what has been claimed; `resting` were left out of it, `size` is the most it could be.
   */
  count(claimed: ClaimedDispatch[], resting: string[], size: number): void {
    const events = total(claimed);
    const now = performance.now();
    this.#isFull = events >= size;
    if (resting.length > 0) {
      this.#othersAt = now + (events === 0 ? LOOK_AGAIN : this.#restAfter(events));
      return;
    }
    const floods = claimed.filter((group) => group.flooding);
    const busy = floods.length > 0 ? floods : claimed;
    this.#everybodyAt = now + (this.#isFull ? 0 : this.#restAfter(events));
    this.#busy = new Set(busy.flatMap((group) => group.workspace_ids));
    this.#othersAt = now + this.#restAfter(Math.max(events - total(busy), this.#busy.size - 1));
    this.#gap = (now - this.#countedAt) / Math.max(1, events);
    this.#countedAt = now;
    this.#heard = { times: 0, lastAt: 0 };
  }

  get #isResting(): boolean {
    return this.#restsUntil > performance.now();
  }

  get #restsUntil(): number {
    return Math.min(this.#everybodyAt, this.#endOfStream());
  }

  /**
   * When what was heard in this rest will have been the last of it, unless something else is heard
   * until then.
   */
  #endOfStream(): number {
    const { times, lastAt } = this.#heard;
    if (times === 0) return Number.POSITIVE_INFINITY;
    const gap = Math.max(this.#gap, (lastAt - this.#countedAt) / times);
    return lastAt + Math.max(SILENCE.ms, SILENCE.gaps * gap);
  }

  #restAfter(many: number): number {
    return (this.#options.longestMs * many) / (many + this.#options.halfAt);
  }
}

const total = (groups: ClaimedDispatch[]) => groups.reduce((n, group) => n + group.size, 0);
