import type { Context } from 'hono';
import type { Limits } from '../limits/index.ts';
import type { Meter, Use } from '../limits/meter.ts';
import { Problem } from '../problem.ts';

/**
 * Counts a request against its key's quota, and says in `RateLimit-Policy` and `RateLimit` what is
 * left of it. On the hot path, so nothing is awaited where the count is in memory.
 *
 * @throws Problem 429
 */
export function countKey(c: Context, { key }: Limits, keyId: string): Promise<void> | undefined {
  const use = key?.take(keyId);
  if (!key || !use) return undefined;
  if (use instanceof Promise) return use.then((counted) => admit(c, 'key', key, counted));
  admit(c, 'key', key, use);
  return undefined;
}

/**
 * Counts a request whose key was found wrong, or that has none. Right keys are never asked how
 * often others have guessed: many may come by one address, such as a proxy's.
 *
 * @throws Problem 429 beyond the address' quota
 */
export async function countFailure(c: Context, { keyless, addressOf }: Limits): Promise<void> {
  if (keyless) admit(c, 'address', keyless, await keyless.take(addressOf(c)));
}

function admit(
  c: Context,
  policy: string,
  { quota }: Meter,
  { allowed, remaining, resetMs }: Use,
): void {
  const reset = Math.ceil(resetMs / 1000);
  c.header('RateLimit-Policy', `"${policy}";q=${quota.requests};w=${quota.seconds}`);
  c.header('RateLimit', `"${policy}";r=${remaining};t=${reset}`);
  if (!allowed) throw tooMany(policy, quota.requests, quota.seconds, Math.max(1, reset));
}

function tooMany(policy: string, requests: number, seconds: number, wait: number): Problem {
  const whose = policy === 'key' ? 'this key' : 'requests from this address without a valid key';
  return new Problem(
    429,
    `The limit of ${whose}, ${requests} in ${seconds} s, is used up; try again in ${wait} s.`,
    {
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      extensions: { 'violated-policies': [policy] },
      headers: { 'retry-after': String(wait) },
    },
  );
}
