import type { Context } from 'hono';
import type { Logger } from 'pino';
import { requestOf } from '../middleware/request-id.ts';
import { peerOf, within } from './address.ts';

/** How long a proxy is remembered that has forwarded something, in ms. */
const REMEMBERED_MS = 10 * 60_000;

/**
 * Where a proxy of ours would be. Anybody on the internet can send the header too, and is nobody to
 * tell of by address.
 */
const near = new Set<string>([
  'loopback',
  'private',
  'uniqueLocal',
  'linkLocal',
  'carrierGradeNat',
]);

const advice =
  'All who come through it count as one address, and its failed keys as theirs: name it in ' +
  'KNOCKON_TRUSTED_PROXIES';

/** Notices X-Forwarded-For from an address that KNOCKON_TRUSTED_PROXIES does not name. */
export interface ProxyWatch {
  notice(c: Context): void;
  /** The address near us that has sent one in the last ten minutes; null where none has. */
  unnamed(): string | null;
}

/**
 * @param trusted CIDRs of our own proxies. A warning is logged once for addresses near us, and once
 * for all others
 */
export function watchProxies(trusted: string[], log: Pick<Logger, 'warn'>): ProxyWatch {
  const isProxy = within(trusted);
  const warned = new Set<boolean>();
  let seen: { address: string; at: number } | undefined;
  return {
    notice(c) {
      const peer = c.req.header('x-forwarded-for') === undefined ? undefined : peerOf(c);
      if (!peer || isProxy(peer)) return;
      const isNear = near.has(peer.range());
      if (isNear) seen = { address: peer.toString(), at: performance.now() };
      if (warned.has(isNear)) return;
      warned.add(isNear);
      log.warn(
        { ...requestOf(c), ...(isNear && { proxy: peer.toString() }) },
        `X-Forwarded-For comes from an address that is not trusted. ${advice}`,
      );
    },
    unnamed: () => (seen && performance.now() - seen.at < REMEMBERED_MS ? seen.address : null),
  };
}
