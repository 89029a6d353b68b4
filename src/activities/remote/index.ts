import { createHash } from 'node:crypto';
import type { Database } from '../../db/client.ts';
import { callTimeout } from '../../db/schema/http-subscribers.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Seal } from '../../seal.ts';
import type { RetryPolicy } from '../../transport/dispatch.ts';
import type { DebouncePolicy } from '../runtime/debounce/decide.ts';
import { defineEffect, type Effect, type OutsideCall } from '../runtime/effect.ts';
import {
  type CircuitOptions,
  changeHealth,
  claimProbe,
  healthChange,
} from '../runtime/http/circuit.ts';
import {
  classifyResponse,
  mayAskToWait,
  quote,
  type ResponseClass,
} from '../runtime/http/classify-response.ts';
import type { HttpAttempt } from '../runtime/http/http-attempt.ts';
import { askedWaitMs } from '../runtime/http/retry-after.ts';
import type { Send } from '../runtime/http/send.ts';
import { laterIn, type Open, retry } from '../runtime/outcomes.ts';
import { readAnswer } from './answer.ts';
import { bodyOf, healthRowOf, post, type Receiver, readReceiver } from './receiver.ts';

/** An HTTP subscriber, as far as it decides how it is called. */
export interface RemoteOptions {
  name: string;
  description: string;
  event_types: string[];
  ordering: Effect['ordering'];
  /** Most events a request. */
  batch: number;
  /** Longest time of a request, in ms. */
  timeout_ms: number;
  retry: RetryPolicy;
  /** Null: each event is for itself. */
  debounce?: DebouncePolicy | null;
}

export interface RemoteDependencies {
  /** Opens secrets. */
  seal: Seal;
  /** Shared by all HTTP subscribers of the process. */
  send: Send;
  circuit: CircuitOptions;
}

/** Longest wait by one timer, in ms: what is changed is noticed within it. */
const LONGEST_WAIT_MS = 15 * 60_000;

/** How long events wait as they are where the service can't be reached, or is gone, in ms. */
const UNREACHED_MS = 5000;

/** A service that asks for a rest of 0 s must not be called in a loop. In ms. */
const SHORTEST_REST_MS = 1000;

/** With these nothing was sent: they say nothing of the events. */
const UNREACHED = new Set([
  'connection refused',
  'name not resolved',
  'unreachable',
  'TLS',
  'address refused',
  'URL refused',
]);

/**
 * Has an HTTP service do an effect: posts it the events, and reads which of them are not done. Its
 * row is read for each call, so a new address or secret holds at once.
 */
export function remote(options: RemoteOptions, deps: RemoteDependencies): Effect {
  const { name, description, event_types, ordering, batch, timeout_ms } = options;
  const effect = defineEffect({
    name,
    description,
    on: event_types,
    // Each try of an event says the same.
    as: 'stored',
    ordering,
    batch,
    timeout: `${callTimeout(timeout_ms)}ms`,
    async perform(events, call) {
      const receiver = await readReceiver(call.db, name);
      if (!receiver) return all(events, UNREACHED_MS, 'it is not subscribed any more');
      const { probe, heldMs } = await mayBegin(call.db, name, receiver);
      const why = `${hostOf(receiver.url)} rests or fails (${receiver.failing_cause ?? 'no cause'})`;
      if (heldMs > 0) return all(events, Math.min(heldMs, LONGEST_WAIT_MS), why);
      return await new Request(name, receiver, { ...deps, call, probe }).make(events);
    },
  });
  const { retry, debounce } = options;
  return Object.freeze({ ...effect, retry, ...(debounce && { debounce }) });
}

/** All of them wait together. */
const all = (events: DomainEvent[], inMs: number, why: string): Open[] =>
  events.map((event) => laterIn(event, inMs, why));

/** One request at a time tries whether a failing service works again. */
async function mayBegin(
  db: Database['db'],
  name: string,
  { rest_in_ms, probe_in_ms, timeout_ms }: Receiver,
): Promise<{ probe: boolean; heldMs: number }> {
  const heldMs = Math.max(rest_in_ms ?? 0, probe_in_ms ?? 0);
  if (heldMs > 0 || probe_in_ms === null) return { probe: false, heldMs };
  const { mine, inMs } = await claimProbe(db, healthRowOf(name), callTimeout(timeout_ms));
  return { probe: mine, heldMs: mine ? 0 : (inMs ?? 0) };
}

interface RequestContext extends RemoteDependencies {
  call: OutsideCall;
  /** It tries whether a failing service works again. */
  probe: boolean;
}

/** One request, and what it comes to. */
class Request {
  readonly #name: string;
  readonly #receiver: Receiver;
  readonly #context: RequestContext;

  constructor(name: string, receiver: Receiver, context: RequestContext) {
    this.#name = name;
    this.#receiver = receiver;
    this.#context = context;
  }

  async make(events: DomainEvent[]): Promise<Open[]> {
    const { call } = this.#context;
    const body = {
      subscriber: this.#name,
      call_id: callId(this.#name, events, call.dispatch_id),
      attempt: call.attempt ?? 1,
      events,
    };
    const attempt = await post(this.#receiver, body, this.#context, call.signal);
    // A worker that stops says nothing of the service.
    if (attempt.failure?.cause === 'interrupted') return all(events, 0, 'its worker has stopped');
    const { url } = this.#receiver;
    const answered = { events, host: hostOf(url), now: call.now() };
    const what = events.length === 1 ? events[0]!.type : `${events.length} events`;
    const given = classifyResponse(attempt, url, what);
    const read = given.state === 'delivered' ? readAnswer(bodyOf(attempt), answered) : given;
    if ('open' in read) {
      await this.#recordHealth(attempt, { state: 'delivered' });
      return read.open;
    }
    const failed = 'problem' in read ? misunderstood(attempt, answered.host, read.problem) : read;
    const outcome = { ...failed, state: 'retry' as const, after_ms: restOf(attempt) };
    await this.#recordHealth(attempt, outcome);
    return failedAll(events, attempt, outcome);
  }

  /** Nearly always there is nothing to note. */
  async #recordHealth(attempt: HttpAttempt, responseClass: ResponseClass): Promise<void> {
    const { call, circuit, probe: isProbe } = this.#context;
    if (responseClass.state === 'delivered' && this.#receiver.failures === 0) return;
    const receiver = healthRowOf(this.#name);
    const change = healthChange({ attempt, responseClass, circuit, isProbe });
    await changeHealth(call.db, receiver, change);
  }
}

/** How long the service asks for no request, in ms. */
function restOf(attempt: HttpAttempt): number | undefined {
  const asked = mayAskToWait(attempt.status) ? askedWaitMs(attempt) : undefined;
  return asked === undefined ? undefined : Math.max(asked, SHORTEST_REST_MS);
}

type Failed = Extract<ResponseClass, { state: 'retry' }>;

/** Events that were answered for together wait together; others are tried again one by one. */
function failedAll(events: DomainEvent[], attempt: HttpAttempt, failed: Failed): Open[] {
  const { cause, reason, short, host, after_ms } = failed;
  if (after_ms !== undefined) return all(events, after_ms, reason);
  if (UNREACHED.has(cause)) return all(events, UNREACHED_MS, reason);
  const told = { cause, short, host, ms: attempt.latencyMs };
  return events.map((event) => retry(event, reason, told));
}

/** A 2xx whose body can't be taken as it is. */
function misunderstood(attempt: HttpAttempt, host: string, problem: string): Failed {
  const short = `${host} gave ${problem}`;
  const reason = `${short}${quote(attempt)}`;
  return { state: 'retry', cause: `answer: ${problem}`, reason, short, host };
}

/**
 * The same for each try of the same events. A replay is another dispatch, and so another call: a
 * service that remembers calls must not take it for one that it has had.
 */
function callId(name: string, events: DomainEvent[], dispatchId = ''): string {
  const ids = events.map(({ id }) => id);
  const digest = createHash('sha256')
    .update(JSON.stringify([name, dispatchId, ids]))
    .digest('hex');
  return `call_${digest.slice(0, 32)}`;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
