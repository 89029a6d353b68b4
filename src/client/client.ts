import type { Operations } from './operations.ts';
import { readPages } from './pages.ts';
import { strangeAnswer } from './problem.ts';
import { type Route, routes } from './routes.ts';
import {
  type Answer,
  type Call,
  type ClientOptions,
  OPTIONS,
  refuseUnknown,
  send,
} from './send.ts';
import { readEvents, type ServerSentEvent } from './server-sent-events.ts';

/** What every call may have beside what its operation takes. */
export interface CallOptions {
  /** Ends the call, its waits and further pages. */
  signal?: AbortSignal | undefined;
  /** Further headers, such as `x-request-id` or `traceparent`. */
  headers?: Record<string, string> | undefined;
}

/** For operations that create. */
export interface CreateOptions {
  /**
   * Names the request for 24 hours: sent again, the first answer comes again. Default: a random one
   * for each call, so that its own retries create once.
   */
  idempotencyKey?: string | undefined;
}

type Shape = { call: object; answer: unknown };

/** What a call takes: nothing need be given where nothing is required. */
type Parameters<O extends Shape> =
  Partial<O['call']> extends O['call']
    ? [call?: O['call'] & CallOptions]
    : [call: O['call'] & CallOptions];

/** A list: `await` gives one page, `for await` every entry of all pages. */
export interface List<Page> extends Promise<Page>, AsyncIterable<EntryOf<Page>> {}

type EntryOf<Page> = Page extends { data: (infer Entry)[]; next_cursor: string | null }
  ? Entry
  : never;

type AnswerOf<Answer> = [EntryOf<Answer>] extends [never]
  ? Answer extends AsyncIterable<ServerSentEvent>
    ? Answer
    : Promise<Answer>
  : List<Answer>;

/** A method for each operation of the HTTP API, by its `operationId`. */
export type Client = {
  [Id in keyof Operations]: (
    ...args: Parameters<Operations[Id]>
  ) => AnswerOf<Operations[Id]['answer']>;
};

/**
 * A client of the HTTP API. Each operation of `/openapi.json` is a method of it:
 *
 * ```ts
 * const client = createClient({ url: 'http://localhost:3000', key });
 * await client.postMessage({ path: { id }, body: { author: 'ada', text: 'hello' } });
 * for await (const event of client.listEvents({ query: { type: 'invoice.paid' } })) …
 * ```
 *
 * Requests that may be repeated are: GET, PUT, DELETE, and POST with an Idempotency-Key. They are
 * tried up to 5 times, as long as no whole answer comes or it is 429, 502, 503 or 504.
 * `Retry-After` is kept to. A 429 is tried again whatever the method.
 *
 * Every method throws {@link ProblemError} for an answer that is an error or not the API's,
 * `UnreachableError` where no whole answer came, and the signal's reason where that aborted the
 * call.
 *
 * @throws TypeError if an option is unknown, `url` is not a URL of http or https, a key can't be
 * sent, or a number is none
 */
export function createClient(options: ClientOptions): Client {
  refuse(options);
  const methods = Object.entries(routes).map(([id, route]) => [id, methodOf(options, route)]);
  return Object.freeze(Object.fromEntries(methods)) as Client;
}

/** Says nothing of the values: they may be secret. @throws TypeError */
function refuse(options: ClientOptions): void {
  refuseUnknown('createClient', options, OPTIONS);
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new TypeError('createClient: `url` must be such as https://knockon.example.com');
  if (url.username || url.password)
    throw new TypeError('createClient: `url` must have no user name and no password');
  for (const name of ['key', 'operatorKey'] as const)
    if (!/^[\x21-\x7e]+$/.test(options[name] ?? 'none'))
      throw new TypeError(
        `createClient: \`${name}\` must be a key as it was shown, without spaces, line breaks or …`,
      );
  for (const name of ['retries', 'maxWaitMs', 'timeoutMs'] as const) {
    const least = name === 'timeoutMs' ? 1 : 0;
    const number = options[name] ?? least;
    if (!Number.isInteger(number) || number < least || number > LONGEST_TIMER)
      throw new TypeError(
        `createClient: \`${name}\` must be a whole number from ${least} to ${LONGEST_TIMER}`,
      );
  }
  if (options.fetch !== undefined && typeof options.fetch !== 'function')
    throw new TypeError('createClient: `fetch` must be a function');
}

/** Longest time of a timer, in ms; a longer one would end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

function methodOf(options: ClientOptions, route: Route) {
  if (route.answers === 'events') {
    const open = async (call: Call) => (await send(options, route, call)).response;
    return (call: Call = {}) => readEvents(() => open(call), call.signal);
  }
  const ask = async (call: Call = {}) => read(route, await send(options, route, call));
  return route.answers === 'page' ? (call: Call = {}) => readPages(ask, call) : ask;
}

/**
 * JSON is parsed, a text is a text, and no content is undefined.
 *
 * @throws ProblemError where something in between has answered
 */
function read({ answers }: Route, { response, text }: Answer): unknown {
  if (answers === 'text') return text;
  if (response.status === 204) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw strangeAnswer(response);
  }
}
