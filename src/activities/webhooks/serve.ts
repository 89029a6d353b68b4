import { setTimeout as wait } from 'node:timers/promises';
import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { dead, type OutsideCall, retry } from '../runtime/effect.ts';
import { type CircuitOptions, claimProbe } from './circuit.ts';
import { deliver } from './deliver.ts';
import type { EndpointHealth, OpenDelivery } from './deliveries.ts';
import type { Lane } from './lane.ts';
import { type PaceOf, SLOW_MS } from './pace.ts';
import type { Place, Places } from './places.ts';
import { type RateSlot, takeRateSlots } from './rate-limit.ts';
import type { Send } from './send.ts';
import type { Unrecorded } from './unrecorded.ts';

/** What one call of the effect has for all endpoints. */
export interface Serving {
  byId: Map<string, DomainEvent>;
  /**
   * On the clock of `performance.now()`: what has not been begun by then is left to another call.
   */
  until: number;
  /** The same for endpoints that are slow. */
  soon: number;
  call: OutsideCall;
  send: Send;
  seal: Seal;
  places: Places;
  circuit: CircuitOptions;
  /** How long nobody else tries a failing endpoint while one does, in ms. */
  probeMs: number;
  /** While its endpoint is failing, a delivery older than this is given up, in ms. */
  giveUpMs: number;
  unrecorded: Unrecorded;
  /** What kept something from being recorded; then nothing more is begun. */
  failure?: unknown;
}

/**
 * A delivery that was not begun, and the moment (`performance.now()`) at which it is called again.
 * It uses up no try.
 */
export interface Wait {
  delivery: OpenDelivery;
  at: number;
  /**
   * Nobody else's call is to wait for it: its endpoint is slow, or not known yet. One that takes
   * seconds may wait for others that do.
   */
  apart?: 'of its workspace' | 'of those that take seconds';
}

/** What a call leaves open. */
export type Left = OpenOutcome | Wait;

/**
 * Requests of one call to one endpoint that are begun at once; they share its lane with other
 * calls'.
 */
const AT_ONCE = 8;

/** Longest wait by one timer, in ms: within it a change of the limit is noticed. */
const LONGEST_WAIT_MS = 15 * 60_000;

/**
 * Everything of one call that is for one endpoint. Never throws: what fails is noted in `serving`,
 * so that those who are at other requests come to their end first, and nobody sends what could not
 * be recorded.
 */
export async function serve(serving: Serving, deliveries: OpenDelivery[]): Promise<Left[]> {
  const [first] = deliveries;
  if (!first) return [];
  const lane = serving.places.lane(eventOf(serving, first).workspace_id, first.endpoint_id);
  lane.limitTo(first.max_concurrency);
  const endpoint = new Endpoint(serving, lane);
  const [restMs, probeMs] = [first.rest_in_ms ?? 0, first.probe_in_ms];
  endpoint.note({
    rest_in_ms: restMs,
    probe_in_ms: probeMs !== null && probeMs > 0 ? probeMs : null,
    is_disabled: false,
  });
  const heldMs = Math.max(restMs, probeMs ?? 0);
  const apart = serving.call.parts && heldMs <= 0 ? apartFor(lane.pace) : undefined;
  if (apart) return deliveries.map((delivery) => ({ delivery, at: performance.now(), apart }));
  if (heldMs > 0) return deliveries.map((delivery) => endpoint.hold(delivery, heldMs));
  const enough = serving.places.enter(lane);
  if (!enough) return deliveries.map((delivery) => endpoint.sendAway(delivery));
  try {
    return await (probeMs === null ? endpoint.deliverAll(deliveries) : endpoint.probe(deliveries));
  } catch (error) {
    serving.failure ??= error;
    return [];
  } finally {
    enough();
  }
}

/** From then on an endpoint takes seconds, in ms. */
const SECONDS_MS = 3 * SLOW_MS;

/**
 * One late answer makes no slow endpoint here: perhaps this process was late itself, and a call
 * more would make that worse.
 */
function apartFor({ isKnown, usualMs }: PaceOf): Wait['apart'] {
  if (isKnown && usualMs > SECONDS_MS) return 'of those that take seconds';
  return !isKnown || usualMs > SLOW_MS ? 'of its workspace' : undefined;
}

function eventOf({ byId }: Serving, { event_id }: OpenDelivery): DomainEvent {
  const event = byId.get(event_id);
  if (!event) throw new Error(`a delivery of event ${event_id}, which was not asked for`);
  return event;
}

/** An endpoint, for the time of one call. */
class Endpoint {
  readonly #serving: Serving;
  readonly #lane: Lane;

  constructor(serving: Serving, lane: Lane) {
    this.#serving = serving;
    this.#lane = lane;
  }

  /** What is known of it from now on, to all calls of this process. */
  note({ rest_in_ms, probe_in_ms, is_disabled }: EndpointHealth): void {
    // While it is failing only a probe is made: a moment later that may be the next one.
    const heldMs = Math.max(
      rest_in_ms ?? 0,
      probe_in_ms === null ? 0 : Math.max(probe_in_ms, 1000),
    );
    this.#lane.heldUntil = performance.now() + heldMs;
    this.#lane.isDisabled = is_disabled;
  }

  /**
   * Keeps to the endpoint's limit, if it has one. Stops as soon as the endpoint counts as failing.
   */
  async deliverAll(deliveries: OpenDelivery[]): Promise<Left[]> {
    const isLimited = deliveries.some(({ max_per_second }) => max_per_second !== null);
    const turns = isLimited
      ? await takeRateSlots(this.#serving.call.db, deliveries)
      : deliveries.map(atOnce);
    const began = performance.now();
    return await pMap(turns, (turn) => this.#turn(turn, began), { concurrency: AT_ONCE }).then(
      present,
    );
  }

  /**
   * One delivery tries whether the endpoint works again; the others wait for what comes of it, here
   * or elsewhere.
   */
  async probe(deliveries: OpenDelivery[]): Promise<Left[]> {
    const [first, ...others] = deliveries;
    const place = first && (await this.#place());
    if (!first || !place) return deliveries.map((delivery) => this.sendAway(delivery));
    let outcome: Left | null;
    try {
      const { mine, inMs } = await claimProbe(
        this.#serving.call.db,
        first.endpoint_id,
        this.#serving.probeMs,
      );
      if (!mine && inMs !== null) return deliveries.map((delivery) => this.hold(delivery, inMs));
      outcome = await this.#try(first, place, mine);
    } finally {
      place.leave();
    }
    return [...present([outcome]), ...(await this.deliverAll(others))];
  }

  /** For a delivery that finds no place, or no time. */
  sendAway(delivery: OpenDelivery): Wait {
    return {
      delivery,
      at: this.#serving.call.signal.aborted ? performance.now() : this.#lane.appoint(),
    };
  }

  /**
   * For one whose endpoint is left alone. Waiting uses up no tries, so it needs an end of its own.
   */
  hold(delivery: OpenDelivery, inMs: number): Left {
    if (!this.#isTooOld(delivery))
      return { delivery, at: this.#lane.appointAfter(Math.min(inMs, LONGEST_WAIT_MS)) };
    const event = eventOf(this.#serving, delivery);
    const cause = delivery.failing_cause ?? 'endpoint failing';
    const reason = `${hostOf(delivery.url)} keeps failing (${cause}), and ${event.type} has waited for it as long as all its tries would have taken`;
    // The same cause as theirs that were tried: one reason is one cause.
    return dead({ event, target: delivery.endpoint_id }, reason, { cause });
  }

  async #turn({ delivery, inMs, given }: RateSlot, began: number): Promise<Left | null> {
    const ms = inMs - (performance.now() - began);
    if (!given)
      return { delivery, at: performance.now() + Math.min(Math.max(0, ms), LONGEST_WAIT_MS) };
    if (ms > 1) await wait(ms, undefined, { signal: this.#serving.call.signal }).catch(() => {});
    const place = this.#heldBack(delivery) ? undefined : await this.#place();
    if (!place) return this.#heldBack(delivery) ?? this.sendAway(delivery);
    try {
      // It may have begun to fail while this one waited for its place.
      return this.#heldBack(delivery) ?? (await this.#try(delivery, place, false));
    } catch (error) {
      this.#serving.failure ??= error;
      return null;
    } finally {
      place.leave();
    }
  }

  /** What is to become of a delivery that must not be made now. */
  #heldBack(delivery: OpenDelivery): Left | undefined {
    if (this.#serving.failure !== undefined) return { delivery, at: performance.now() };
    // The next call finds that it is missed.
    if (this.#lane.isDisabled) return { delivery, at: performance.now() + 1000 };
    const heldMs = this.#lane.heldUntil - performance.now();
    return heldMs > 0 ? this.hold(delivery, heldMs) : undefined;
  }

  async #place(): Promise<Place | undefined> {
    const { until, soon, call, places } = this.#serving;
    return await places.take(
      this.#lane,
      this.#lane.pace.now === 'slow' ? soon : until,
      call.signal,
    );
  }

  async #try(delivery: OpenDelivery, place: Place, isProbe: boolean): Promise<Left | null> {
    const { call, send, seal, circuit, unrecorded } = this.#serving;
    const event = eventOf(this.#serving, delivery);
    const endpoint = {
      id: delivery.endpoint_id,
      url: delivery.url,
      secret: delivery.secret,
      previous_secret: delivery.previous_secret,
    };
    const sending: Send = (letter, signal) => place.send(() => send(letter, signal));
    const { attempt, verdict, standing } = await deliver(
      { db: call.db, seal, send: sending, signal: call.signal, unrecorded },
      { id: delivery.id, event, endpoint, circuit, isProbe },
    );
    this.note(standing);
    if (verdict.state === 'delivered' || verdict.state === 'gone') return null;
    const { cause, reason, short, host } = verdict;
    const aside = { short, host, ms: attempt.latencyMs };
    const which = { event, target: delivery.endpoint_id };
    const isLast = isProbe && this.#isTooOld(delivery);
    if (verdict.state === 'retry' && !isLast)
      return retry(which, reason, { cause, after_ms: verdict.after_ms, ...aside });
    return dead(which, reason, { cause, ...aside });
  }

  #isTooOld({ age_ms }: OpenDelivery): boolean {
    return age_ms > this.#serving.giveUpMs;
  }
}

const atOnce = (delivery: OpenDelivery): RateSlot => ({ delivery, inMs: 0, given: true });

const present = (outcomes: (Left | null)[]): Left[] =>
  outcomes.filter((outcome) => outcome !== null);

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
