import type { Context } from 'hono';
import type { Logger } from 'pino';
import { addressReader } from './address.ts';
import { type Meter, memoryMeter, type Quota } from './meter.ts';
import { type ProxyWatch, watchProxies } from './unnamed-proxy.ts';

/** What the API lets through. Null: no limit. */
export interface Limits {
  /** Requests a key, the operator's included. */
  key: Meter | null;
  /** Requests without a valid key, by where they come from: guessing keys is bounded by it. */
  keyless: Meter | null;
  addressOf(c: Context): string;
  proxies: ProxyWatch;
  close(): Promise<void>;
}

export const noLimits: Limits = {
  key: null,
  keyless: null,
  addressOf: () => 'unknown',
  proxies: { notice: () => {}, unnamed: () => null },
  close: async () => {},
};

export interface LimitOptions {
  key: Quota | null;
  keyless: Quota | null;
  /**
   * Set: all API processes share the quotas. Otherwise, or while Redis is away, each process counts
   * for itself.
   */
  redisUrl?: string;
  /** CIDRs of proxies in front of the API. */
  trustedProxies: string[];
  log: Pick<Logger, 'warn' | 'info'>;
}

/** Redis' client is loaded by those alone who count there. */
export async function createLimits({
  key,
  keyless,
  redisUrl,
  trustedProxies,
  log,
}: LimitOptions): Promise<Limits> {
  const isShared = redisUrl !== undefined && (key ?? keyless) !== null;
  const redis = isShared ? (await import('./redis-meter.ts')).redisMeters(redisUrl) : null;
  const meter = (policy: string, quota: Quota | null): Meter | null => {
    if (!quota) return null;
    if (!redis) return memoryMeter(quota);
    const onAway = (error: Error) =>
      log.warn(
        { policy, reason: error.message },
        'Redis is away: each API process counts requests for itself',
      );
    return redis.meter({
      policy,
      quota,
      onAway,
      onBack: () => log.info({ policy }, 'Redis counts requests again'),
    });
  };
  return {
    key: meter('key', key),
    keyless: meter('address', keyless),
    addressOf: addressReader(trustedProxies),
    proxies: watchProxies(trustedProxies, log),
    close: async () => redis?.close(),
  };
}
