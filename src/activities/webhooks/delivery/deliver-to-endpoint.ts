import { setTimeout as wait } from 'node:timers/promises';
import pMap from 'p-map';
import { RowLockedError } from '../../../db/row-locks.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { Seal } from '../../../seal.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import type { OutsideCall } from '../../runtime/effect.ts';
import { type CircuitOptions, claimProbe } from '../../runtime/http/circuit.ts';
import type { Send } from '../../runtime/http/send.ts';
import { dead, retry } from '../../runtime/outcomes.ts';
import { healthOf } from '../limits/endpoint-health.ts';
import type { EndpointState } from '../limits/endpoint-state.ts';
import { type RateSlot, slotAtOnce, takeRateSlots } from '../limits/rate-limit.ts';
import type { Permit, RequestPermits } from '../limits/request-permits.ts';
import { type ResponseTimes, SLOW_MS } from '../limits/response-times.ts';
import { deliver, type UnrecordedAttempts } from './deliver.ts';
import type { OpenDelivery } from './deliveries.ts';

/** What the endpoints of one call share. */
export interface SharedCall {
  eventsById: Map<string, DomainEvent>;
  /** On the clock of `performance.now()`: later requests get a call of their own. */
  beginUntil: number;
  /** The same for slow endpoints. */
  beginSlowUntil: number;
  call: OutsideCall;
  send: Send;
  seal: Seal;
  permits: RequestPermits;
  circuit: CircuitOptions;
  /** How long a probe keeps other deliveries from probing its endpoint, in ms. */
  probeMs: number;
  /** How long a delivery waits for a failing endpoint before it is given up, in ms. */
  giveUpMs: number;
  unrecorded: UnrecordedAttempts;
  /** The error that kept an attempt from being recorded. No request begins after it. */
  failure?: unknown;
}

/** A delivery that has not begun. Its wait uses up no attempt. */
export interface Wait {
  delivery: OpenDelivery;
  /** When it is called again, on the clock of `performance.now()`. */
  at: number;
  /** Set if a call of its own takes it, because its endpoint is slow or unknown. */
  apart?: 'with its workspace' | 'with very slow ones';
}

/** What a call leaves open. */
export type Unfinished = OpenOutcome | Wait;

/** Requests of one call that begin at once. Other calls to the endpoint share its permits. */
const AT_ONCE = 8;

/** Longest wait by one timer, in ms. Changes of the limit are noticed within it. */
const LONGEST_WAIT_MS = 15 * 60_000;

/** How long a delivery waits for an endpoint that rests again and again, in ms. */
const LONGEST_REST_MS = 7 * 24 * 60 * 60_000;

/** When a delivery whose row is locked is called again, in ms. */
const LOCKED_MS = 5000;

/** An endpoint is very slow if it usually takes longer, in ms. */
const VERY_SLOW_MS = 3 * SLOW_MS;

/**
 * Makes all deliveries of one call to one endpoint. Never throws: a failure is noted in `shared`.
 * So the call's other requests can end, and no request begins that could not be recorded.
 */
export async function deliverToEndpoint(
  shared: SharedCall,
  deliveries: OpenDelivery[],
): Promise<Unfinished[]> {
  const [first] = deliveries;
  if (!first) return [];
  if (first.is_disabled) return deliveries.map(whileLocked);
  const { permits, call } = shared;
  const { workspace_id } = eventOf(shared, first);
  const state = permits.endpoint(workspace_id, first.endpoint_id);
  const { rest_in_ms, probe_in_ms, failing_ms } = first;
  const isProbeDue = probe_in_ms !== null && probe_in_ms <= 0;
  state.limitTo(first.max_concurrency);
  state.noteHealth({
    rest_in_ms,
    probe_in_ms: isProbeDue ? null : probe_in_ms,
    failing_ms,
    is_disabled: false,
  });
  const endpoint = new EndpointDeliveries(shared, state);
  const heldMs = Math.max(rest_in_ms ?? 0, probe_in_ms ?? 0);
  if (heldMs > 0) return deliveries.map((delivery) => endpoint.hold(delivery, heldMs));
  const apart = call.parts ? apartFor(state.responses) : undefined;
  if (apart) return deliveries.map((delivery) => ({ delivery, at: performance.now(), apart }));
  const leave = permits.join(state);
  if (!leave) return deliveries.map((delivery) => endpoint.postpone(delivery));
  endpoint.onAllBegun(deliveries.length, leave);
  try {
    return isProbeDue ? await endpoint.probe(deliveries) : await endpoint.deliverAll(deliveries);
  } catch (error) {
    shared.failure ??= error;
    return [];
  } finally {
    leave();
  }
}

/**
 * Fast endpoints must not wait for slow ones, so these get calls of their own. One late answer is
 * not enough: perhaps this process itself was late, and another call would make that worse.
 */
function apartFor({ isKnown, usualMs }: ResponseTimes): Wait['apart'] {
  if (isKnown && usualMs > VERY_SLOW_MS) return 'with very slow ones';
  return !isKnown || usualMs > SLOW_MS ? 'with its workspace' : undefined;
}

function eventOf({ eventsById }: SharedCall, { event_id }: OpenDelivery): DomainEvent {
  const event = eventsById.get(event_id);
  if (!event) throw new Error(`a delivery of event ${event_id}, which is not in the call`);
  return event;
}

/** One endpoint during one call. */
class EndpointDeliveries {
  readonly #shared: SharedCall;
  readonly #state: EndpointState;
  #notBegun = 0;
  #allBegun = () => {};

  constructor(shared: SharedCall, state: EndpointState) {
    this.#shared = shared;
    this.#state = state;
  }

  /** Calls `then` once so many deliveries have a permit each. */
  onAllBegun(count: number, then: () => void): void {
    this.#notBegun = count;
    this.#allBegun = then;
  }

  /** Keeps to the endpoint's rate limit. Stops as soon as the endpoint counts as failing. */
  async deliverAll(deliveries: OpenDelivery[]): Promise<Unfinished[]> {
    const isLimited = deliveries.some(({ max_per_second }) => max_per_second !== null);
    const slots = isLimited
      ? await takeRateSlots(this.#shared.call.db, deliveries)
      : deliveries.map(slotAtOnce);
    const began = performance.now();
    const results = await pMap(slots, (slot) => this.#deliverAt(slot, began), {
      concurrency: AT_ONCE,
    });
    return results.filter((result) => result !== null);
  }

  /** One delivery tries whether the endpoint works again. The others wait for the result. */
  async probe(deliveries: OpenDelivery[]): Promise<Unfinished[]> {
    const [first, ...others] = deliveries;
    const permit = first && (await this.#acquire());
    if (!first || !permit) return deliveries.map((delivery) => this.postpone(delivery));
    const { call, probeMs } = this.#shared;
    let result: Unfinished | null;
    try {
      const { mine, inMs } = await claimProbe(call.db, healthOf(first.endpoint_id), probeMs);
      if (!mine && inMs !== null) return deliveries.map((delivery) => this.hold(delivery, inMs));
      result = await this.#attempt(first, permit, mine);
    } finally {
      permit.release();
    }
    const rest = await this.deliverAll(others);
    return result === null ? rest : [result, ...rest];
  }

  /** For a delivery that gets no permit in time. */
  postpone(delivery: OpenDelivery): Wait {
    const isStopping = this.#shared.call.signal.aborted;
    return { delivery, at: isStopping ? performance.now() : this.#state.postpone() };
  }

  /**
   * For a delivery whose endpoint rests or fails. Waiting uses up no attempts, so a delivery that
   * has waited too long is given up here.
   */
  hold(delivery: OpenDelivery, inMs: number): Unfinished {
    const isFailing = this.#state.failingSince !== undefined;
    const isGivenUp = isFailing
      ? this.#hasFailedTooLong(delivery)
      : this.#hasRestedTooLong(delivery);
    if (!isGivenUp)
      return { delivery, at: this.#state.postponeBy(Math.min(inMs, LONGEST_WAIT_MS)) };
    const event = eventOf(this.#shared, delivery);
    // The cause of the attempts that failed: one reason is one cause.
    const cause = delivery.failing_cause ?? 'endpoint failing';
    const [does, howLong] = isFailing
      ? ['failing', 'as long as all its attempts would have taken']
      : ['asking for a rest', 'for more than a week'];
    const reason =
      `${hostOf(delivery.url)} keeps ${does} (${cause}), ` +
      `and ${event.type} has waited for it ${howLong}`;
    return dead({ event, target: delivery.endpoint_id }, reason, { cause });
  }

  async #deliverAt({ delivery, inMs, given }: RateSlot, began: number): Promise<Unfinished | null> {
    const { call } = this.#shared;
    const leftMs = inMs - (performance.now() - began);
    if (!given) {
      const waitMs = Math.min(Math.max(0, leftMs), LONGEST_WAIT_MS);
      return { delivery, at: performance.now() + waitMs };
    }
    if (leftMs > 1) await wait(leftMs, undefined, { signal: call.signal }).catch(() => {});
    const heldBefore = this.#holdIfNeeded(delivery);
    if (heldBefore) return heldBefore;
    const permit = await this.#acquire();
    // The endpoint may have begun to fail while this delivery waited.
    const heldAfter = this.#holdIfNeeded(delivery);
    if (!permit) return heldAfter ?? this.postpone(delivery);
    try {
      return heldAfter ?? (await this.#attempt(delivery, permit, false));
    } catch (error) {
      this.#shared.failure ??= error;
      return null;
    } finally {
      permit.release();
    }
  }

  /** What becomes of a delivery that must not begin now. */
  #holdIfNeeded(delivery: OpenDelivery): Unfinished | undefined {
    if (this.#shared.failure !== undefined) return { delivery, at: performance.now() };
    // The next call will mark it as missed.
    if (this.#state.isDisabled) return { delivery, at: performance.now() + 1000 };
    const heldMs = this.#state.heldUntil - performance.now();
    return heldMs > 0 ? this.hold(delivery, heldMs) : undefined;
  }

  async #acquire(): Promise<Permit | undefined> {
    const { beginUntil, beginSlowUntil, call, permits } = this.#shared;
    const isSlow = this.#state.responses.speed === 'slow';
    const until = isSlow ? beginSlowUntil : beginUntil;
    const permit = await permits.acquire(this.#state, until, call.signal);
    if (permit) this.#notBegun -= 1;
    if (this.#notBegun === 0) this.#allBegun();
    return permit;
  }

  async #attempt(
    delivery: OpenDelivery,
    permit: Permit,
    isProbe: boolean,
  ): Promise<Unfinished | null> {
    const { call, send, seal, circuit, unrecorded } = this.#shared;
    const { id, endpoint_id, url, secret, previous_secret } = delivery;
    const event = eventOf(this.#shared, delivery);
    const sendWithPermit: Send = (request, signal) => permit.send(() => send(request, signal));
    const made = await deliver(
      { db: call.db, seal, send: sendWithPermit, signal: call.signal, unrecorded },
      { id, event, endpoint: { id: endpoint_id, url, secret, previous_secret }, circuit, isProbe },
    ).catch(lockedOrThrow);
    // What came of it is kept, and recorded by the next call.
    if (!made) return whileLocked(delivery);
    const { attempt, responseClass, health } = made;
    this.#state.noteHealth(health);
    if (responseClass.state === 'delivered' || responseClass.state === 'gone') return null;
    const { cause, reason, short, host } = responseClass;
    const which = { event, target: endpoint_id };
    const details = { cause, short, host, ms: attempt.latencyMs };
    const isLast = isProbe && this.#hasFailedTooLong(delivery);
    if (responseClass.state === 'retry' && !isLast)
      return retry(which, reason, { ...details, after_ms: responseClass.after_ms });
    return dead(which, reason, details);
  }

  /** Only the time counts for which the circuit was open. A rest is no failure. */
  #hasFailedTooLong({ age_ms }: OpenDelivery): boolean {
    const failingMs = performance.now() - (this.#state.failingSince ?? performance.now());
    return Math.min(age_ms, failingMs) > this.#shared.giveUpMs;
  }

  #hasRestedTooLong({ age_ms }: OpenDelivery): boolean {
    return age_ms > Math.max(this.#shared.giveUpMs, LONGEST_REST_MS);
  }
}

/** For a delivery whose row somebody else holds. */
const whileLocked = (delivery: OpenDelivery): Wait => ({
  delivery,
  at: performance.now() + LOCKED_MS,
});

function lockedOrThrow(error: unknown): undefined {
  if (!(error instanceof RowLockedError)) throw error;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
