import { Hono } from 'hono';
import { z } from 'zod';
import { openSession } from '../../ops/access/sessions.ts';
import type { Limits } from '../limits/index.ts';
import { NOBODY } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { byKey, type Recognition } from '../middleware/operator.ts';
import { countFailure } from '../middleware/rate-limit.ts';
import { fingerprint, giveSession, refuseForgery } from '../middleware/session.ts';
import { invalid, Problem } from '../problem.ts';
import type { Env } from '../router.ts';

const given = z.strictObject({ key: z.string().min(1).max(255) });

/**
 * Signing in to the console with an operator's key. The key goes no further than here; the browser
 * keeps a session.
 */
export function sessionRoutes(options: Recognition & { limits: Limits }): Hono<Env> {
  const { database, seal, adminKey, limits } = options;
  const app = new Hono<Env>();
  app.post('/console/session', jsonBody, async (c) => {
    refuseForgery(c);
    const parsed = given.safeParse(await c.req.json().catch(notJson));
    if (!parsed.success) throw invalid([{ path: 'key', message: "must be an operator's key" }]);
    const key = parsed.data.key.trim();
    const found = await byKey(key, options);
    if (!found) {
      await countFailure(c, limits);
      throw wrongKey();
    }
    const isAdmin = adminKey !== undefined && found.id === NOBODY;
    const { id, expires_at } = await openSession(database, isAdmin ? null : found.id);
    giveSession(c, seal, { session: id, admin: isAdmin ? fingerprint(adminKey) : null });
    return c.json(
      { name: found.name, role: found.role, expires_at: expires_at.toISOString() },
      201,
    );
  });
  return app;
}

const notJson = () => {
  throw new Problem(400, 'The body is not JSON.');
};

const wrongKey = () =>
  new Problem(
    401,
    'No operator has this key. It is KNOCKON_ADMIN_KEY, or a key made with POST /v1/ops/operators.',
    { type: 'wrong-key' },
  );
