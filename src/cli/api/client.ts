import { setTimeout as wait } from 'node:timers/promises';
import { CommandError, EXIT } from '../terminal/output.ts';
import type { ApiAddress } from './find-api.ts';
import { createHttp, type Http, type HttpAnswer } from './http.ts';
import { explainProblem, problemType, readRetryAfter } from './problem.ts';

/** An answer of the API that is not an error. */
export interface Answer<T> {
  status: number;
  body: T;
  /** True where an idempotency key had been used: nothing new was made. */
  replayed: boolean;
}

/** An RFC 9457 problem document, or what came in its place. */
export class ApiProblem extends CommandError {
  override name = 'ApiProblem';
  readonly status: number;
  /** Such as `urn:knockon:problem:validation`; undefined where it was no problem document. */
  readonly type: string | undefined;

  constructor(status: number, message: string, type?: string) {
    super(message, status === 422 ? EXIT.usage : EXIT.failed);
    this.status = status;
    this.type = type;
  }
}

export interface CallOptions {
  body?: unknown;
  idempotencyKey?: string;
}

/**
 * Calls of the API. All wait and try again where that can help, and throw ApiProblem where it
 * can't.
 */
export interface Api {
  get<T>(path: string): Promise<T>;
  send<T>(
    method: 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    path: string,
    options?: CallOptions,
  ): Promise<Answer<T>>;
  /** Every entry of a list, page by page. */
  list<T>(path: string): AsyncGenerator<T>;
  close(): Promise<void>;
}

export interface ApiOptions {
  /**
   * How long an API that can't be reached or is overloaded is asked again, in milliseconds (default
   * 0: one try).
   */
  patience?: number;
  /** Told once an outage begins, with the reason. */
  onWait?(reason: string): void;
  signal?: AbortSignal;
  /** The exit code where the API can't be reached (default 1). */
  unreachable?: number;
}

/** The first entries of a list (default: all). */
export async function collect<T>(
  list: AsyncIterable<T>,
  most = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const found: T[] = [];
  for await (const one of list) if (found.push(one) >= most) break;
  return found;
}

/**
 * One connection that is kept, one request at a time: what is sent in order is stored in order.
 *
 * @throws CommandError, ApiProblem: its calls do
 */
export function createApi(address: ApiAddress, options: ApiOptions = {}): Api {
  const http = createHttp(address.url);
  // up.json is a leftover: its API is gone and does not come back.
  const patience = address.stale ? 0 : (options.patience ?? 0);

  async function send<T>(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    path: string,
    call: CallOptions = {},
  ): Promise<Answer<T>> {
    const began = Date.now();
    for (let attempt = 0; ; attempt += 1) {
      const tried = await attemptOnce<T>({ http, address, method, path, call, ...options });
      if ('answer' in tried) return tried.answer;
      if (Date.now() - began >= patience) throw tried.failure;
      if (attempt === 0) options.onWait?.(tried.failure.message);
      await wait(tried.retryAfter ?? Math.min(250 * 2 ** attempt, 5000), undefined, {
        signal: options.signal,
      });
    }
  }

  return {
    send,
    get: async <T>(path: string) => (await send<T>('GET', path)).body,
    list: async function* <T>(path: string) {
      const glue = path.includes('?') ? '&' : '?';
      let cursor: string | null = null;
      do {
        const next: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
        const { body } = await send<{ data: T[]; next_cursor: string | null }>(
          'GET',
          `${path}${glue}limit=200${next}`,
        );
        yield* body.data;
        cursor = body.next_cursor;
      } while (cursor);
    },
    close: async () => http.close(),
  };
}

interface Attempt {
  http: Http;
  address: ApiAddress;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  call: CallOptions;
  signal?: AbortSignal;
  unreachable?: number;
}

type Tried<T> = { answer: Answer<T> } | { failure: CommandError; retryAfter?: number };

/** One try. @returns a failure where another try can help @throws ApiProblem where it can't */
async function attemptOnce<T>({
  http,
  address,
  method,
  path,
  call,
  signal,
  unreachable: exitCode,
}: Attempt): Promise<Tried<T>> {
  const headers: Record<string, string> = { authorization: `Bearer ${address.key}` };
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  if (call.idempotencyKey) headers['idempotency-key'] = call.idempotencyKey;
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  let answer: HttpAnswer;
  try {
    answer = await http.request(path, { method, headers, body, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    return { failure: unreachable(address, error, exitCode) };
  }
  const { status, text } = answer;
  if (status < 400) {
    return {
      answer: {
        status,
        body: parse(text, address) as T,
        replayed: answer.headers['idempotent-replayed'] === 'true',
      },
    };
  }
  const problem = new ApiProblem(
    status,
    explainProblem(status, text, `${method} ${path}`, address),
    problemType(text),
  );
  const passing =
    [429, 502, 503, 504].includes(status) || (status === 409 && call.idempotencyKey !== undefined);
  if (!passing) throw problem;
  return { failure: problem, retryAfter: readRetryAfter(answer.headers['retry-after']) };
}

function parse(text: string, address: ApiAddress): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(
      `${address.url} (from ${address.from}) does not answer in JSON: is that Knock-on's API?`,
    );
  }
}

function unreachable(address: ApiAddress, error: unknown, exitCode?: number): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  const api = `The API at ${address.url} (from ${address.from})`;
  const what = `${api} can't be reached: ${code ?? message}.`;
  const gone = 'That up.json is a leftover, what wrote it is gone: run `npm start`.';
  return new CommandError(
    `${what} ${address.stale ? gone : 'Is it running? `npm start` starts everything.'}`,
    exitCode,
  );
}
