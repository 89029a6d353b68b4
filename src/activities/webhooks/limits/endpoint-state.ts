import type { EndpointHealth } from './endpoint-health.ts';
import { ResponseTimes } from './response-times.ts';

/** The requests of one workspace in this process. */
export interface WorkspaceState {
  id: string;
  endpoints: number;
  inFlight: number;
  /** Requests in flight to endpoints that are slow or unknown. */
  notFast: number;
  /** Calls that wait for its slow endpoints. */
  slowCalls: number;
  /** When it last got a permit: the order among workspaces with equally many requests. */
  servedAt: number;
}

/** Longest postponement, in ms. Changes are noticed within it. */
const FURTHEST_MS = 5 * 60_000;

/**
 * How deliveries come back after an endpoint's rest or failure: in batches, a twelfth of that time
 * apart, at most 2.5 s. The first batch shows whether the endpoint works again. Each batch is twice
 * the one before, so a failing endpoint does not get everything at once.
 */
const AFTER_HOLD = { part: 1 / 12, atMostMs: 2500, first: 2, most: 100 };

/** Most requests to one endpoint at once. */
const CONCURRENCY = 8;

/** What one process knows of an endpoint. Moments are on the clock of `performance.now()`. */
export class EndpointState {
  readonly id: string;
  readonly workspace: WorkspaceState;
  readonly responses = new ResponseTimes();
  readonly waiting: { begin(): void }[] = [];
  inFlight = 0;
  servedAt = 0;
  /** Calls that still have deliveries to begin. */
  calls = 0;
  /** No request begins before: the endpoint asked for that, or keeps failing. */
  heldUntil = 0;
  /** When its circuit opened; undefined if it is closed. */
  failingSince: number | undefined;
  /** No request begins at all. */
  isDisabled = false;
  #concurrency = CONCURRENCY;
  #postponed = new Schedule();
  readonly #held = new Schedule();

  constructor(id: string, workspace: WorkspaceState) {
    this.id = id;
    this.workspace = workspace;
  }

  /** Requests at once. One until the speed is known. */
  get concurrency(): number {
    return this.responses.speed === 'unknown' ? 1 : this.#concurrency;
  }

  /** @param most the endpoint's own limit; null: the default */
  limitTo(most: number | null): void {
    this.#concurrency = Math.min(CONCURRENCY, most ?? CONCURRENCY);
  }

  get isIdle(): boolean {
    return this.inFlight === 0 && this.calls === 0 && this.waiting.length === 0;
  }

  /** Applies the endpoint's health to all calls of this process. */
  noteHealth({ rest_in_ms, probe_in_ms, failing_ms, is_disabled }: EndpointHealth): void {
    // A failing endpoint gets only probes. The next one may be due right away, so wait a moment.
    const untilProbeMs = probe_in_ms === null ? 0 : Math.max(probe_in_ms, 1000);
    this.heldUntil = performance.now() + Math.max(rest_in_ms ?? 0, untilProbeMs);
    this.failingSince = failing_ms === null ? undefined : performance.now() - failing_ms;
    this.isDisabled = is_disabled;
  }

  /** Notes that a request has ended, whatever its outcome. */
  noteEnd(ms: number): void {
    const before = this.responses.speed;
    this.responses.noteEnd(ms);
    // The postponements were as long as a slow endpoint needs.
    if (this.responses.speed === 'fast' && before !== 'fast') this.#postponed = new Schedule();
  }

  /**
   * When a delivery that got no permit asks again. The answer times tell when the deliveries that
   * were postponed before it will be done, so a flood comes back in batches.
   */
  postpone(): number {
    const { usualMs } = this.responses;
    const everyMs = Math.max(1000, usualMs);
    const size = Math.round((Math.max(1, this.inFlight) * everyMs) / Math.max(20, usualMs));
    return this.#postponed.next(performance.now() + 1000, { everyMs, first: size, most: size });
  }

  /** When a delivery asks again that must not begin within `ms`: in batches from then on. */
  postponeBy(ms: number): number {
    const { part, atMostMs, ...sizes } = AFTER_HOLD;
    const everyMs = Math.min(part * ms, atMostMs);
    return this.#held.next(performance.now() + ms, { everyMs, ...sizes });
  }
}

/** Each batch is twice as large as the one before, from `first` to `most`. */
interface Batches {
  everyMs: number;
  first: number;
  most: number;
}

/** Hands out moments, the same one to a whole batch. */
class Schedule {
  #at = 0;
  #size = 0;
  #left = 0;

  next(earliest: number, { everyMs, first, most }: Batches): number {
    // Two calls in a row have slightly different `earliest`. They still share a batch.
    if (this.#at < earliest - 1000) this.#begin(earliest, first);
    if (this.#left <= 0)
      this.#begin(this.#at + everyMs, Math.max(first, Math.min(2 * this.#size, most)));
    // A moment that is too far away falls back to the first one.
    if (this.#at > earliest + FURTHEST_MS) this.#begin(earliest, first);
    this.#left -= 1;
    return Math.max(this.#at, earliest);
  }

  #begin(at: number, size: number): void {
    [this.#at, this.#size, this.#left] = [at, size, size];
  }
}
