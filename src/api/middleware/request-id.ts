import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import type { Env } from '../router.ts';

/** What is taken from outside: it stands in logs. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}$/;

/** W3C Trace Context: version, trace, parent, flags. */
const TRACE = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/**
 * Gives each request its id: the client's own by X-Request-Id, else that of its trace
 * (`traceparent`), else a new one. The answer says it.
 */
export const requestId: MiddlewareHandler<Env> = async (c, next) => {
  const [, trace] = TRACE.exec(c.req.header('traceparent') ?? '') ?? [];
  const given = c.req.header('x-request-id') ?? '';
  const id = ID.test(given) ? given : (trace ?? randomUUID());
  c.set('requestId', id);
  if (trace !== undefined) c.set('traceId', trace);
  await next();
  c.res.headers.set('x-request-id', id);
};

/** What each line of a request's log says of it. */
export function requestOf(c: Context<Env>): { request_id: string; trace_id?: string } {
  const trace = c.get('traceId');
  return { request_id: c.get('requestId'), ...(trace !== undefined && { trace_id: trace }) };
}
