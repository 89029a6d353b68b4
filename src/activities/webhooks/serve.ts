import { setTimeout as wait } from 'node:timers/promises';
import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { dead, later, type OutsideCall, retry } from '../runtime/effect.ts';
import { type CircuitOptions, claimProbe } from './circuit.ts';
import { deliver } from './deliver.ts';
import type { OpenDelivery } from './deliveries.ts';
import type { Lanes } from './lanes.ts';
import type { Send } from './send.ts';
import { type Turn, takeTurns } from './turns.ts';

/** What one call of the effect has for all endpoints. */
export interface Serving {
  byId: Map<string, DomainEvent>;
  /** On the clock of `performance.now()`: what has not been begun by then is left to another call. */
  until: number;
  call: OutsideCall;
  send: Send;
  seal: Seal;
  lanes: Lanes;
  circuit: CircuitOptions;
  /** How long nobody else tries a failing endpoint while one does, in ms. */
  probeMs: number;
  /** While its endpoint is failing, a delivery older than this is given up, in ms. */
  giveUpMs: number;
}

/** Requests of one call to one endpoint that are begun at once; they share its lane with other calls'. */
const AT_ONCE = 8;

/** How long a call stays away from an endpoint that many others wait for, in ms. */
const CROWDED_MS = 5000;

/** Longest wait by one timer, in ms: within it a change of the limit is noticed. */
const LONGEST_WAIT_MS = 15 * 60_000;

/** Everything of one call that is for one endpoint. */
export async function serve(serving: Serving, deliveries: OpenDelivery[]): Promise<OpenOutcome[]> {
  const [first] = deliveries;
  if (!first) return [];
  const outcomes = await serving.lanes.enter(first.endpoint_id, async (lane) => {
    const endpoint = new Endpoint(serving, lane);
    return await (first.probe_in_ms === null ? endpoint.deliverAll(deliveries) : endpoint.probe(deliveries));
  });
  return outcomes ?? deliveries.map((delivery) => waiting(serving, delivery, CROWDED_MS));
}

/** Later, in a whole second: what waits for the same second is called again together. Uses up no try. */
function waiting(serving: Serving, delivery: OpenDelivery, inMs: number): OpenOutcome {
  const at = Math.ceil((Date.now() + Math.min(Math.max(0, inMs), LONGEST_WAIT_MS)) / 1000) * 1000;
  return later({ event: eventOf(serving, delivery), target: delivery.endpoint_id }, new Date(at));
}

function eventOf({ byId }: Serving, { event_id }: OpenDelivery): DomainEvent {
  const event = byId.get(event_id);
  if (!event) throw new Error(`a delivery of event ${event_id}, which was not asked for`);
  return event;
}

/** An endpoint, for the time of one call. */
class Endpoint {
  readonly #serving: Serving;
  readonly #lane: <R>(request: () => Promise<R>) => Promise<R>;
  /** Set once it counts as failing: in how many ms it is tried again. */
  #probeInMs: number | null = null;

  constructor(serving: Serving, lane: <R>(request: () => Promise<R>) => Promise<R>) {
    this.#serving = serving;
    this.#lane = lane;
  }

  /** Keeps to the endpoint's limit, if it has one. Stops as soon as the endpoint counts as failing. */
  async deliverAll(deliveries: OpenDelivery[]): Promise<OpenOutcome[]> {
    const isLimited = deliveries.some(({ max_per_second }) => max_per_second !== null);
    const turns = isLimited ? await takeTurns(this.#serving.call.db, deliveries) : deliveries.map(atOnce);
    const began = performance.now();
    return await pMap(turns, (turn) => this.#turn(turn, began), { concurrency: AT_ONCE }).then(present);
  }

  /** One delivery tries whether the endpoint works again; the others wait for what comes of it, here or elsewhere. */
  async probe(deliveries: OpenDelivery[]): Promise<OpenOutcome[]> {
    const [first, ...others] = deliveries;
    if (!first) return [];
    const { mine, inMs } = await claimProbe(this.#serving.call.db, first.endpoint_id, this.#serving.probeMs);
    if (!mine && inMs === null) return await this.deliverAll(deliveries);
    if (!mine) return deliveries.map((delivery) => this.#waitForProbe(delivery, inMs ?? 0));
    const outcome = await this.#lane(() => this.#try(first, true));
    const again = this.#probeInMs;
    const rest = again === null ? await this.deliverAll(others) : others.map((delivery) => this.#waitForProbe(delivery, again));
    return [...present([outcome]), ...rest];
  }

  async #turn({ delivery, inMs, given }: Turn, began: number): Promise<OpenOutcome | null> {
    const ms = inMs - (performance.now() - began);
    if (!given) return waiting(this.#serving, delivery, ms);
    if (ms > 1) await wait(ms, undefined, { signal: this.#serving.call.signal }).catch(() => {});
    return await this.#lane(() => this.#try(delivery, false));
  }

  async #try(delivery: OpenDelivery, isProbe: boolean): Promise<OpenOutcome | null> {
    const { until, call, send, seal, circuit } = this.#serving;
    if (this.#probeInMs !== null) return this.#waitForProbe(delivery, this.#probeInMs);
    if (call.signal.aborted || performance.now() > until) return waiting(this.#serving, delivery, 0);
    const event = eventOf(this.#serving, delivery);
    const endpoint = { id: delivery.endpoint_id, url: delivery.url, secret: delivery.secret, previous_secret: delivery.previous_secret };
    const tried = await deliver({ db: call.db, seal, send, signal: call.signal }, { id: delivery.id, event, endpoint, circuit, isProbe });
    this.#probeInMs = tried.probeInMs;
    if (tried.verdict.state === 'delivered') return null;
    const { state, cause, reason, after_ms } = tried.verdict;
    const which = { event, target: delivery.endpoint_id };
    const isLast = state === 'dead' || (isProbe && this.#isTooOld(delivery));
    return isLast ? dead(which, reason, { cause }) : retry(which, reason, { cause, after_ms });
  }

  #isTooOld({ age_ms }: OpenDelivery): boolean {
    return age_ms > this.#serving.giveUpMs;
  }

  /** Waiting uses up no tries, so it needs an end of its own. */
  #waitForProbe(delivery: OpenDelivery, inMs: number): OpenOutcome {
    if (!this.#isTooOld(delivery)) return waiting(this.#serving, delivery, inMs);
    const event = eventOf(this.#serving, delivery);
    const cause = delivery.failing_cause ?? 'endpoint failing';
    const reason = `${hostOf(delivery.url)} keeps failing (${cause}), and ${event.type} has waited for it as long as all its tries would have taken`;
    // The same cause as theirs that were tried: one reason is one cause.
    return dead({ event, target: delivery.endpoint_id }, reason, { cause });
  }
}

const atOnce = (delivery: OpenDelivery): Turn => ({ delivery, inMs: 0, given: true });

const present = (outcomes: (OpenOutcome | null)[]): OpenOutcome[] => outcomes.filter((outcome) => outcome !== null);

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
