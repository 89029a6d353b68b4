import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { SESSION_MS } from '../../ops/access/sessions.ts';
import type { Seal } from '../../seal.ts';
import { hashKey } from '../keys.ts';
import { Problem } from '../problem.ts';

/** What the cookie holds, sealed. */
const token = z.object({
  session: z.string(),
  /**
   * The fingerprint of KNOCKON_ADMIN_KEY, if that was the key. A new key ends these sessions.
   */
  admin: z.string().nullable(),
});

export type SessionToken = z.output<typeof token>;

/**
 * Where the cookie is sent: to the calls of operators, and to signing out. Everything of the
 * console that is not a call is public.
 */
const PATH = '/v1/ops';

/** Cookies don't know ports: two of ours on one machine would sign each other out. */
function cookieName(c: Context): string {
  const { port } = new URL(c.req.url);
  return port ? `knockon_session_${port}` : 'knockon_session';
}

/**
 * Whether the browser came by https, also to a proxy in front of us. A client that lies about it
 * only loses its own session.
 */
const isSecure = (c: Context) =>
  c.req.header('origin')?.startsWith('https:') ||
  c.req.header('x-forwarded-proto') === 'https' ||
  c.req.url.startsWith('https:');

/** Enough of a key's hash to see that it is another one. */
export const fingerprint = (key: string): string => hashKey(key).subarray(0, 12).toString('base64');

const optionsOf = (c: Context) => ({
  path: PATH,
  httpOnly: true,
  sameSite: 'Strict' as const,
  secure: Boolean(isSecure(c)),
});

/** Has the browser keep it where no script can read it. */
export function giveSession(c: Context, seal: Seal, given: SessionToken): void {
  setCookie(c, cookieName(c), seal.close(JSON.stringify(given)), {
    ...optionsOf(c),
    maxAge: SESSION_MS / 1000,
  });
}

export const takeSession = (c: Context): void => void deleteCookie(c, cookieName(c), optionsOf(c));

/**
 * The request's session as its cookie has it; undefined where it has none, or one that was sealed
 * by somebody else.
 */
export function sessionToken(c: Context, seal: Seal): SessionToken | undefined {
  const sealed = getCookie(c, cookieName(c));
  if (!sealed) return undefined;
  try {
    return token.parse(JSON.parse(seal.open(sealed)));
  } catch {
    return undefined;
  }
}

/**
 * The header that our page sends with what changes something. Another site's page can't, without
 * being allowed by CORS.
 */
const HEADER = 'knockon-console';

/**
 * Refuses what another page may have sent in somebody's name. A cookie's SameSite does not tell
 * ports of one host apart, so the console's own header must be there, and the browser must not say
 * that it came from elsewhere.
 *
 * @throws Problem 403
 */
export function refuseForgery(c: Context): void {
  const from = c.req.header('sec-fetch-site');
  if (c.req.header(HEADER) !== undefined && (from === undefined || from === 'same-origin')) return;
  throw new Problem(
    403,
    `With the console's cookie, what changes something needs the header ${HEADER}: 1, from the ` +
      "console's own page.",
    {
      type: 'forgery',
    },
  );
}
