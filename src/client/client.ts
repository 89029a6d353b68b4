import type { Operations } from './operations.ts';
import { readPages } from './pages.ts';
import { type Route, routes } from './routes.ts';
import { type Call, type ClientOptions, send } from './send.ts';
import { readEvents, type ServerSentEvent } from './server-sent-events.ts';

/** What every call may have beside what its operation takes. */
export interface CallOptions {
  /** Ends the call, its waits and further pages. */
  signal?: AbortSignal;
  /** Further headers, such as `x-request-id` or `traceparent`. */
  headers?: Record<string, string>;
}

/** For operations that create. */
export interface CreateOptions {
  /**
   * Names the request for 24 hours: sent again, the first answer comes again. Default: a random one
   * for each call, so that its own retries create once.
   */
  idempotencyKey?: string;
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
 * tried up to 5 times, as long as no answer comes or it is 429, 502, 503 or 504. `Retry-After` is
 * kept to. A 429 is tried again whatever the method.
 *
 * Every method throws {@link ProblemError} for an answer that is an error, `UnreachableError` where
 * no answer came, and the signal's reason where that aborted the call.
 *
 * @throws TypeError if `url` is not a URL of http or https
 */
export function createClient(options: ClientOptions): Client {
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol))
    throw new TypeError('createClient: `url` must be such as https://knockon.example.com');
  const methods = Object.entries(routes).map(([id, route]) => [id, methodOf(options, route)]);
  return Object.freeze(Object.fromEntries(methods)) as Client;
}

function methodOf(options: ClientOptions, route: Route) {
  if (route.answers === 'events')
    return (call: Call = {}) => readEvents(() => send(options, route, call), call.signal);
  const ask = async (call: Call = {}) => answerOf(await send(options, route, call));
  return route.answers === 'page' ? (call: Call = {}) => readPages(ask, call) : ask;
}

/** JSON is parsed, a text is a text, and no content is undefined. */
async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
  return isJson ? (JSON.parse(text) as unknown) : text;
}
