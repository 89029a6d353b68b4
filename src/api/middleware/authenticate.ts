import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { type Keyring, sameKey } from '../keys.ts';
import { Problem } from '../problem.ts';
import type { Env } from '../router.ts';

const LONGEST_KEY = 255;

function bearer(c: Context): string | undefined {
  const [, key] = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  return key && key.length <= LONGEST_KEY ? key : undefined;
}

/** Only middleware matches the path and method: whoever asks may know that nothing is there. */
const isUnrouted = (c: Context) => matchedRoutes(c).every((route) => route.method === 'ALL');

function unauthorized(whose: string): Problem {
  return new Problem(401, `Send ${whose} as Authorization: Bearer <key>.`, { headers: { 'www-authenticate': 'Bearer realm="knockon"' } });
}

/** Lets a workspace's key pass, and notes whose it is. */
export function workspaceKey(keyring: Keyring): MiddlewareHandler<Env> {
  return async (c, next) => {
    const key = bearer(c);
    const caller = key && (await keyring.find(key));
    if (caller) {
      c.set('workspaceId', caller.workspaceId);
      c.set('keyId', caller.keyId);
    } else if (!isUnrouted(c)) throw unauthorized("a workspace's key");
    await next();
  };
}

/** The calls of the operator belong to no workspace; their idempotency keys are kept under this id. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Lets the operator's key pass, and no other. */
export function operatorKey(adminKey: string | undefined): MiddlewareHandler<Env> {
  return async (c, next) => {
    const key = bearer(c);
    if (key && adminKey && sameKey(key, adminKey)) c.set('workspaceId', NOBODY);
    else if (!isUnrouted(c)) throw unauthorized("the operator's key (KNOCKON_ADMIN_KEY)");
    await next();
  };
}
