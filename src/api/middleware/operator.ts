import type { MiddlewareHandler } from 'hono';
import type { Database } from '../../db/client.ts';
import { findOperator } from '../../ops/operators.ts';
import { hashKey, sameKey } from '../keys.ts';
import type { Limits } from '../limits/index.ts';
import { Problem } from '../problem.ts';
import type { Env } from '../router.ts';
import { bearer, isUnrouted, NOBODY, unauthorized } from './authenticate.ts';
import { countGuess, countKey } from './rate-limit.ts';

/** The name of whoever has KNOCKON_ADMIN_KEY. */
const ADMIN = 'operator';

interface Options {
  database: Database;
  /** KNOCKON_ADMIN_KEY; undefined: only operators of their own may pass. */
  adminKey: string | undefined;
  limits: Limits;
}

/**
 * Lets operators pass: the operator's key, or the key of one of their own. Leaves `operator` ({name, role}) for the handlers.
 * A viewer may read; all else answers 403.
 */
export function operator(options: Options): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { limits } = options;
    const forgive = await countGuess(c, limits);
    const key = bearer(c);
    const found = key ? await whoseKey(key, options) : undefined;
    if (found) {
      forgive();
      c.set('operator', { name: found.name, role: found.role });
      c.set('workspaceId', found.id);
      await countKey(c, limits, `operator ${found.id}`);
      if (found.role === 'viewer' && !isRead(c.req.method) && !isUnrouted(c)) throw forbidden(found.name);
    } else if (!isUnrouted(c)) throw unauthorized("an operator's key (KNOCKON_ADMIN_KEY, or one made with POST /v1/ops/operators)");
    await next();
  };
}

async function whoseKey(key: string, { database, adminKey }: Options) {
  if (adminKey && sameKey(key, adminKey)) return { id: NOBODY, name: ADMIN, role: 'operator' as const };
  return await findOperator(database, hashKey(key));
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

const forbidden = (name: string) =>
  new Problem(403, `The key of ${name} is a viewer's: it may look at everything and change nothing. Use an operator's key.`, {
    type: 'viewer',
  });
