import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { NIL_UUID } from '../../db/statements.ts';
import { type Keyring, sameKey } from '../keys.ts';
import type { Limits } from '../limits/index.ts';
import { Problem } from '../problem.ts';
import type { Env } from '../router.ts';
import { countFailure, countKey } from './rate-limit.ts';

const LONGEST_KEY = 255;

export function bearer(c: Context): string | undefined {
  const [, key] = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  return key && key.length <= LONGEST_KEY ? key : undefined;
}

/** Only middleware matches this path and method, so the answer may say that nothing is there. */
export const isUnrouted = (c: Context) => matchedRoutes(c).every((route) => route.method === 'ALL');

export function unauthorized(whose: string): Problem {
  return new Problem(401, `Send ${whose} as Authorization: Bearer <key>.`, {
    headers: { 'www-authenticate': 'Bearer realm="knockon"' },
  });
}

/**
 * Lets a workspace's key pass, notes whose it is, and counts the request against its quota.
 *
 * @throws Problem 401 or 429, in a request
 */
export function workspaceKey(keyring: Keyring, limits: Limits): MiddlewareHandler<Env> {
  return async (c, next) => {
    const key = bearer(c);
    const caller = key && (keyring.recall(key) ?? (await keyring.find(key)));
    if (caller) {
      c.set('workspaceId', caller.workspaceId);
      c.set('keyId', caller.keyId);
      const counted = countKey(c, limits, caller.keyId);
      if (counted) await counted;
    } else {
      await countFailure(c, limits);
      if (!isUnrouted(c)) throw unauthorized("a workspace's key");
    }
    await next();
  };
}

/**
 * The calls of the operator belong to no workspace; their idempotency keys are kept under this id.
 */
export const NOBODY = NIL_UUID;

/**
 * Lets the operator's key pass, and no other. Its requests have a quota like any key's.
 *
 * @throws Problem 401 or 429, in a request
 */
export function operatorKey(adminKey: string | undefined, limits: Limits): MiddlewareHandler<Env> {
  return async (c, next) => {
    const key = bearer(c);
    if (key && adminKey && sameKey(key, adminKey)) {
      c.set('workspaceId', NOBODY);
      await countKey(c, limits, 'operator');
    } else {
      await countFailure(c, limits);
      if (!isUnrouted(c)) throw unauthorized("the operator's key (KNOCKON_ADMIN_KEY)");
    }
    await next();
  };
}
