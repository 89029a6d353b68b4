import { setTimeout as wait } from 'node:timers/promises';
import type { Journal } from './journal.ts';
import type { AnsweredCall } from './response-times.ts';

export interface Call {
  method: string;
  path: string;
  /** Empty: none is sent. */
  key: string;
  body?: unknown;
  /** Its Idempotency-Key. */
  once?: string;
  /** Further headers. */
  headers?: Record<string, string>;
  /** What it is for, where somebody counts. */
  what?: string;
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  /** How often it was called before that, without an answer that counts. */
  repeated: number;
  /** One of those calls ran out of time: nobody knows what has become of it. */
  isUnsure: boolean;
  replayed: boolean;
}

/** Longest a call may take, in ms. */
const PATIENCE = 30_000;

/**
 * Calls whichever API answers, until one does: a client as one should be, that repeats under the
 * same key.
 */
export class Client {
  readonly #urls: readonly string[];
  readonly #journal: Journal;
  readonly #see: (seen: AnsweredCall) => void;
  #gone = false;

  /** @param see told of each call that was answered, or given up */
  constructor(
    urls: readonly string[],
    journal: Journal,
    see: (seen: AnsweredCall) => void = () => {},
  ) {
    this.#urls = urls;
    this.#journal = journal;
    this.#see = see;
  }

  /** Gives up on all calls: nobody is going to answer. */
  leave(): void {
    this.#gone = true;
  }

  async call(call: Call): Promise<Answer> {
    let isUnsure = false;
    for (let repeated = 0; !this.#gone; repeated += 1) {
      const outcome = await this.once(call);
      if (typeof outcome === 'object' && !isTemporary(outcome))
        return { ...outcome, repeated, isUnsure };
      if (outcome === 'no time') isUnsure = true;
      await wait(50 + Math.random() * 300);
    }
    throw new Error(`${call.method} ${call.path} was given up`);
  }

  /** One call at one of the APIs. @returns the answer, or why there is none */
  async once(call: Call): Promise<Omit<Answer, 'repeated' | 'isUnsure'> | 'no answer' | 'no time'> {
    const { method, path, key, body, once, headers: further } = call;
    const at = Date.now();
    const saw = (status: number | null, hasRetryAfter = false) =>
      this.#see({ call, at, ms: Date.now() - at, status, hasRetryAfter });
    const url = this.#urls[Math.floor(Math.random() * this.#urls.length)]!;
    const headers: Record<string, string> = key === '' ? {} : { authorization: `Bearer ${key}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (once !== undefined) headers['idempotency-key'] = once;
    Object.assign(headers, further);
    const signal = AbortSignal.timeout(PATIENCE);
    try {
      const response = await fetch(url + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      });
      const text = await response.text();
      this.#journal.count(String(response.status));
      saw(response.status, response.headers.has('retry-after'));
      if (response.status === 500)
        this.#journal.complain(`${method} ${path} was answered 500: ${text}`);
      const replayed = response.headers.get('idempotent-replayed') === 'true';
      return {
        status: response.status,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
        replayed,
      };
    } catch {
      const why = signal.aborted ? 'no time' : 'no answer';
      this.#journal.count(why);
      saw(null);
      return why;
    }
  }
}

/**
 * The same call may pass in a moment: the API is away or busy, or the key's first call is still
 * under way.
 */
function isTemporary({ status, body }: Pick<Answer, 'status' | 'body'>): boolean {
  return (
    status >= 500 ||
    status === 429 ||
    (status === 409 && String(body.type).endsWith('idempotency-key-in-flight'))
  );
}
