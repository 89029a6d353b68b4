import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { Histogram, type Registry } from 'prom-client';

/**
 * The pattern of the route that answered, so that ids don't multiply the series; everything unknown
 * is one.
 */
function routeOf(c: Context): string {
  // Middleware may match as well, before it and behind.
  return matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path ?? 'unmatched';
}

/** Counts requests and measures how long they took, by method, route and status. */
export function observe(registry: Registry): MiddlewareHandler {
  const duration = new Histogram({
    name: 'knockon_http_request_duration_seconds',
    help: 'How long HTTP requests took, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  return async (c, next) => {
    const start = performance.now();
    await next();
    duration.observe(
      { method: c.req.method, route: routeOf(c), status: c.res.status },
      (performance.now() - start) / 1000,
    );
  };
}
