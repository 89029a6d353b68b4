import type { Context, MiddlewareHandler } from 'hono';
import type { Database } from '../../db/client.ts';
import type { Operator } from '../../ops/access/action-log.ts';
import { findOperators } from '../../ops/access/operators.ts';
import { findSession } from '../../ops/access/sessions.ts';
import type { Seal } from '../../seal.ts';
import { hashKey, hasKeyForm, sameKey } from '../keys.ts';
import type { Limits } from '../limits/index.ts';
import { createLookup } from '../lookup.ts';
import { Problem } from '../problem.ts';
import type { Env } from '../router.ts';
import { bearer, isUnrouted, NOBODY, unauthorized } from './authenticate.ts';
import { countFailure, countKey } from './rate-limit.ts';
import { fingerprint, refuseForgery, sessionToken } from './session.ts';

/** The name of an operator who calls with KNOCKON_ADMIN_KEY. */
const ADMIN = 'operator';

/** Signing out is everybody's. */
const OWN_SESSION = '/v1/ops/session';

/**
 * Whether it is only asked if somebody is signed in: browsers tell a 401 as an error, and a page
 * asks on each visit.
 */
const isQuestion = (c: Context) =>
  c.req.path === OWN_SESSION &&
  c.req.method === 'GET' &&
  c.req.query('optional') === 'true' &&
  !c.req.header('authorization');

/** What tells operators. */
export interface Recognition {
  database: Database;
  seal: Seal;
  /** KNOCKON_ADMIN_KEY; undefined: only operators of their own may pass. */
  adminKey: string | undefined;
  /** Whose key has this hash (base64); see {@link operatorLookup}. */
  operatorOf(hash: string): Promise<(Operator & { id: string }) | undefined>;
}

/** Operators by the hashes of their keys. None is remembered: who is deleted is nobody at once. */
export const operatorLookup = (database: Database): Recognition['operatorOf'] =>
  createLookup((hashes) => findOperators(database, hashes));

/** An operator who calls; the id is whose quota and idempotency keys are meant. */
export interface Recognised extends Operator {
  id: string;
  /** The session, where it is not a key that was sent. */
  session?: { id: string; expires_at: Date };
}

/**
 * Lets operators pass: the operator's key, the key of one of their own, or the console's cookie.
 * Leaves `operator` ({name, role}) for the handlers. A viewer may read; all else answers 403.
 *
 * @throws Problem 401, 403 or 429, in a request
 */
export function operator(options: Recognition & { limits: Limits }): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { limits } = options;
    const found = await recognise(c, options);
    if (found) {
      c.set('operator', { name: found.name, role: found.role });
      c.set('workspaceId', found.id);
      c.set('session', found.session);
      c.set('stillThere', async () => (await recognise(c, options)) !== undefined);
      await countKey(c, limits, `operator ${found.id}`);
      if (found.session && !isRead(c.req.method)) refuseForgery(c);
      if (
        found.role === 'viewer' &&
        !isRead(c.req.method) &&
        !isUnrouted(c) &&
        c.req.path !== OWN_SESSION
      )
        throw forbidden(found.name);
    } else {
      await countFailure(c, limits);
      if (isQuestion(c)) return c.body(null, 204);
      if (!isUnrouted(c))
        throw unauthorized(
          "an operator's key (KNOCKON_ADMIN_KEY, or one made with POST /v1/ops/operators)",
        );
    }
    await next();
  };
}

/** Who calls. A key overrides a cookie: the browser sends the cookie by itself. */
async function recognise(c: Context, options: Recognition): Promise<Recognised | undefined> {
  if (c.req.header('authorization') === undefined) return await bySession(c, options);
  const key = bearer(c);
  return key ? await byKey(key, options) : undefined;
}

/**
 * Whose key it is. The operator's own is compared first, in constant time and without the database.
 */
export async function byKey(
  key: string,
  { operatorOf, adminKey }: Pick<Recognition, 'operatorOf' | 'adminKey'>,
): Promise<Recognised | undefined> {
  if (adminKey && sameKey(key, adminKey)) return { id: NOBODY, name: ADMIN, role: 'operator' };
  return hasKeyForm(key) ? await operatorOf(hashKey(key).toString('base64')) : undefined;
}

async function bySession(
  c: Context,
  { database, seal, adminKey }: Recognition,
): Promise<Recognised | undefined> {
  const token = sessionToken(c, seal);
  if (!token) return undefined;
  const session = await findSession(database, token.session);
  if (!session) return undefined;
  if (session.operator) return { ...session.operator, session };
  const isAdmin = adminKey !== undefined && token.admin === fingerprint(adminKey);
  return isAdmin ? { id: NOBODY, name: ADMIN, role: 'operator', session } : undefined;
}

const isRead = (method: string) => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

const forbidden = (name: string) =>
  new Problem(
    403,
    `The key of ${name} is a viewer's: it may look at everything and change nothing. Use an ` +
      "operator's key.",
    {
      type: 'viewer',
    },
  );
