import { ProblemError, problemIn, UnreachableError } from './problem.ts';
import type { Route } from './routes.ts';

/** Where the API is and how it is asked. */
export interface ClientOptions {
  /** Such as `https://knockon.example.com`. */
  url: string;
  /** A workspace's key, `kn_…`. */
  key?: string | undefined;
  /** An operator's key, for workspaces and everything below `/v1/ops` (default: `key`). */
  operatorKey?: string | undefined;
  /** Tries after the first (default 4). 0: none. */
  retries?: number | undefined;
  /** Longest wait before another try, in ms (default 30,000). A longer one is not waited for. */
  maxWaitMs?: number | undefined;
  /** Longest time of one try, in ms (default 30,000). Streams have no limit. */
  timeoutMs?: number | undefined;
  /** What sends requests (default: the global `fetch`). */
  fetch?: typeof fetch | undefined;
}

/** What a call of an operation may have. */
export interface Call {
  path?: Record<string, string> | undefined;
  query?: Record<string, unknown> | undefined;
  body?: unknown | undefined;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string> | undefined;
}

export const OPTIONS = Object.keys({
  url: true,
  key: true,
  operatorKey: true,
  retries: true,
  maxWaitMs: true,
  timeoutMs: true,
  fetch: true,
} satisfies Record<keyof ClientOptions, true>);

const CALL = Object.keys({
  path: true,
  query: true,
  body: true,
  idempotencyKey: true,
  signal: true,
  headers: true,
} satisfies Record<keyof Call, true>);

/** @throws TypeError for a member that nobody would read: what it asks for would be passed over */
export function refuseUnknown(what: string, given: object, known: string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`${what}: \`${unknown}\` is unknown; there are ${known.join(', ')}`);
}

const RETRIES = 4;
const LONGEST_WAIT = 30_000;
const TIMEOUT = 30_000;
const FIRST_WAIT = 250;

/** Statuses that may pass. 429: it was not done. The others: it may have been done. */
const REFUSED = 429;
const MAYBE_DONE = [502, 503, 504];

/** An answer with its body. Streams are read later: their text is empty. */
export interface Answer {
  response: Response;
  text: string;
}

/**
 * Sends a request until it is answered in full, with a bounded number of tries.
 *
 * @throws ProblemError, UnreachableError, or the signal's reason; TypeError for what can't be sent
 */
export async function send(options: ClientOptions, route: Route, call: Call): Promise<Answer> {
  const { retries = RETRIES } = options;
  const request = requestOf(options, route, call);
  for (let tried = 0; ; tried += 1) {
    const { answer, error } = await attempt(options, request, call.signal);
    if (answer?.response.ok) return answer;
    const isGone = tried > 0 && route.method === 'DELETE' && answer?.response.status === 404;
    // An earlier try has deleted it, and its answer was lost.
    if (isGone) return { response: new Response(null, { status: 204 }), text: '' };
    const failure = error ?? problemIn(answer);
    const waitMs = waitBefore(tried, failure, options);
    if (tried >= retries || !mayRetry(route, call, failure) || waitMs === undefined) throw failure;
    await wait(waitMs, call.signal);
  }
}

interface Prepared {
  url: URL;
  init: RequestInit;
  timeoutMs: number | undefined;
}

type Tried =
  | { answer: Answer; error?: undefined }
  | { answer?: undefined; error: UnreachableError };

async function attempt(
  { fetch: send = fetch }: ClientOptions,
  { url, init, timeoutMs }: Prepared,
  signal: AbortSignal | undefined,
): Promise<Tried> {
  const signals = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
  let response: Response | undefined;
  try {
    const any = AbortSignal.any(signals.filter((one) => one !== undefined));
    response = await send(url, { ...init, signal: any });
    const isStream = timeoutMs === undefined && response.ok;
    return { answer: { response, text: isStream ? '' : await response.text() } };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    const what = response ? 'broke off its answer' : "can't be reached";
    const message = `${url.origin} ${unreachable(what, error, timeoutMs)}`;
    return { error: new UnreachableError(message, { cause: error }) };
  }
}

function unreachable(what: string, error: unknown, timeoutMs: number | undefined): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `did not answer within ${timeoutMs} ms`;
  const { code, message } = ((error as Error).cause ?? error) as { code?: string; message: string };
  return `${what}: ${code ?? message}`;
}

function requestOf(options: ClientOptions, route: Route, call: Call): Prepared {
  refuseUnknown('the call', call, CALL);
  const { timeoutMs = TIMEOUT } = options;
  const headers = headersOf(call.headers);
  const key = route.operator ? (options.operatorKey ?? options.key) : options.key;
  if (key !== undefined && !route.open) headers.set('authorization', `Bearer ${key}`);
  if (call.body !== undefined && !headers.has('content-type'))
    headers.set('content-type', 'application/json');
  // One key for all tries: the API makes it once.
  if (route.creates) set(headers, 'idempotency-key', call.idempotencyKey ?? crypto.randomUUID());
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  return {
    url: urlOf(options.url, route, call),
    init: { method: route.method, headers, body },
    timeoutMs: route.answers === 'events' ? undefined : timeoutMs,
  };
}

/** @throws TypeError if one can't be sent */
function headersOf(given: Record<string, string> = {}): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) set(headers, name, value);
  return headers;
}

/** The error of `Headers` has the value, which may be secret. */
function set(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new TypeError(`the header ${JSON.stringify(name)} has characters that can't be sent`);
  }
}

/** @throws TypeError if a parameter of the path is missing, or would lead to another path */
function urlOf(base: string, { path }: Route, { path: given = {}, query = {} }: Call): URL {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_: string, name: string) => {
    const value = String(given[name] ?? '');
    if (value === '' || value === '.' || value === '..')
      throw new TypeError(`path.${name} of ${path} is ${JSON.stringify(given[name])}`);
    return encodeURIComponent(value);
  });
  const url = new URL(base.replace(/\/+$/, '') + filled);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
  return url;
}

/** What may have been done is only repeated where that does no harm. */
function mayRetry(route: Route, call: Call, failure: ProblemError | UnreachableError): boolean {
  const repeats = route.creates === true || ['GET', 'PUT', 'DELETE'].includes(route.method);
  if (failure instanceof UnreachableError) return repeats;
  if (failure.status === REFUSED) return true;
  if (failure.is('idempotency-key-in-flight')) return call.idempotencyKey === undefined;
  return repeats && MAYBE_DONE.includes(failure.status);
}

/** In ms; undefined where the API asks for more than is waited for. */
function waitBefore(
  tried: number,
  failure: ProblemError | UnreachableError,
  { maxWaitMs = LONGEST_WAIT }: ClientOptions,
): number | undefined {
  const asked = failure instanceof ProblemError ? failure.retryAfterMs : undefined;
  if (asked !== undefined) return asked <= maxWaitMs ? asked : undefined;
  const growing = Math.min(FIRST_WAIT * 2 ** tried, maxWaitMs);
  return growing * (0.5 + Math.random() / 2);
}

function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', give);
      resolve();
    }, ms);
    if (signal?.aborted) give();
    else signal?.addEventListener('abort', give, { once: true });
  });
}
