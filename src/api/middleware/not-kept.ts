import type { MiddlewareHandler } from 'hono';

/**
 * What is answered to one caller is kept by no cache on its way, and taken for nothing but what it
 * says it is.
 */
export const notKept: MiddlewareHandler = async (c, next) => {
  await next();
  c.res.headers.set('cache-control', 'no-store');
  c.res.headers.set('x-content-type-options', 'nosniff');
};
