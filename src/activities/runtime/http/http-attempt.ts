import { errorCode } from '../../../db/errors.ts';
import { AddressRefusedError } from '../network/ssrf.ts';
import type { WholeBody } from './whole-body.ts';

/** One HTTP request: the response, or why there was none. */
export interface HttpAttempt {
  /** HTTP status; null if no response came. */
  status: number | null;
  /** Until the response's headers, in ms. */
  latencyMs: number;
  failure: Failure | null;
  /** The beginning of the response's body. */
  excerpt: string | null;
  /** The response's Retry-After header, unparsed. */
  retryAfter: string | null;
  /** The response's Date header, unparsed. */
  date?: string | null;
  /** The whole body, where it was to be read. */
  body?: WholeBody;
}

/** Why no response came. */
export interface Failure {
  /** The same for all failures of one kind. */
  cause: string;
  /** For people. */
  detail: string;
  /** True if another attempt can't help. */
  final?: boolean;
  /** True if the trouble is this worker's and says nothing of the endpoint. */
  ours?: boolean;
}

const causes: [pattern: RegExp, cause: string][] = [
  [/^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/, 'timeout'],
  [/^ECONNREFUSED$/, 'connection refused'],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED)$/, 'connection closed'],
  [/^(ENOTFOUND|EAI_\w+|ENODATA)$/, 'name not resolved'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN|EACCES|EPERM)$/, 'unreachable'],
  [/CERT|^ERR_(TLS|SSL)|^EPROTO$|^UNABLE_TO_/, 'TLS'],
  [/^(HPE_\w+|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES\w+)$/, 'not HTTP'],
];

/** An attempt that got no response. */
export const withoutResponse = (latencyMs: number, failure: Failure): HttpAttempt => ({
  status: null,
  latencyMs,
  failure,
  excerpt: null,
  retryAfter: null,
});

/**
 * Names what went wrong with a request.
 *
 * @param timeLimit the signal that ends the attempt after `timeoutMs`
 */
export function failureOf(error: unknown, timeLimit: AbortSignal, timeoutMs: number): Failure {
  if (timeLimit.aborted) return { cause: 'timeout', detail: `no answer within ${timeoutMs} ms` };
  const refused = findRefusal(error);
  if (refused) return { cause: 'address refused', detail: refused.message, final: true };
  const code = errorCode(error) ?? '';
  const cause = causes.find(([pattern]) => pattern.test(code))?.[1] ?? 'no answer';
  return { cause, detail: error instanceof Error ? error.message || code : String(error) };
}

/** Searches an error, its causes, and the errors that these collect. */
function findRefusal(error: unknown): AddressRefusedError | undefined {
  if (error instanceof AddressRefusedError) return error;
  if (!(error instanceof Error)) return undefined;
  const collected = error instanceof AggregateError ? error.errors : [];
  const isRefusal = (inner: unknown) => inner instanceof AddressRefusedError;
  return collected.find(isRefusal) ?? findRefusal(error.cause);
}
