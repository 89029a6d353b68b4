import { Hono } from 'hono';
import type { Limits } from '../limits/index.ts';
import type { Recognition } from '../middleware/operator.ts';
import type { Env } from '../router.ts';
import { pageRoutes } from './page.ts';
import { sessionRoutes } from './session.ts';

/**
 * The console at /console: its page, and signing in to it. What it shows and does are the calls
 * under /v1/ops.
 */
export function consoleRoutes(options: Recognition & { limits: Limits }): Hono<Env> {
  const app = new Hono<Env>();
  app.route('/', sessionRoutes(options));
  app.route('/', pageRoutes());
  return app;
}
