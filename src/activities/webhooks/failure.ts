import { errorCode } from '../../db/errors.ts';
import { AddressRefusedError } from './ssrf.ts';

/** Why no answer came: `cause` groups alike failures, `detail` is for people. */
export interface Failure {
  cause: string;
  detail: string;
  /** True where another try can't help. */
  final?: boolean;
  /** True where it is this worker's trouble, and says nothing of the endpoint. */
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

/**
 * Names what went wrong with a request. @param timeLimit the attempt's own signal, @param timeoutMs
 * its length
 */
export function failureOf(error: unknown, timeLimit: AbortSignal, timeoutMs: number): Failure {
  if (timeLimit.aborted) return { cause: 'timeout', detail: `no answer within ${timeoutMs} ms` };
  const refused = find(error, (e) => e instanceof AddressRefusedError);
  if (refused) return { cause: 'address refused', detail: refused.message, final: true };
  const code = errorCode(error) ?? '';
  const cause = causes.find(([pattern]) => pattern.test(code))?.[1] ?? 'no answer';
  return { cause, detail: error instanceof Error ? error.message || code : String(error) };
}

function find(error: unknown, matches: (error: Error) => boolean): Error | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (matches(e)) return e;
    if (e instanceof AggregateError) {
      for (const inner of e.errors) if (inner instanceof Error && matches(inner)) return inner;
    }
  }
  return undefined;
}
