import type { Context, MiddlewareHandler } from 'hono';
import type { Limits } from '../limits/index.ts';
import { Problem } from '../problem.ts';
import { BODY_LIMIT } from './json-body.ts';

/**
 * Before every route: what may not be sent, and what goes on behind an answer that nobody reads.
 */
export function guard({ proxies }: Limits): MiddlewareHandler {
  return async (c, next) => {
    proxies.notice(c);
    if (bodiless.has(c.req.method)) refuseBody(c.req.raw.headers);
    await next();
    // Hono answers HEAD by running GET and leaving its body out: nobody would ever read what a
    // handler began to stream.
    if (c.req.method === 'HEAD') await c.res.body?.cancel();
  };
}

/** Methods whose bodies say nothing. */
const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/**
 * A small body of known length is read away. @throws Problem 413 and ends the connection, so that
 * nothing more of it is read
 */
function refuseBody(headers: Headers): void {
  const isEndless = headers.get('transfer-encoding') !== null;
  if (!isEndless && !(Number(headers.get('content-length')) > BODY_LIMIT)) return;
  throw new Problem(413, 'This method takes no body.', { headers: { connection: 'close' } });
}

/**
 * Answers HEAD without running the GET: for routes that do something, or whose cost is in the
 * doing.
 *
 * @param check throws a Problem where the GET would not be run
 */
export const answerHead =
  (check: (c: Context) => void): MiddlewareHandler =>
  async (c, next) => {
    if (c.req.method !== 'HEAD') return await next();
    check(c);
    return c.body(null, 200);
  };
