import type { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { openRedis } from '../../redis.ts';
import { type Meter, memoryMeter, type Quota, type Use, useOf } from './meter.ts';

interface Options {
  redis: Redis;
  /** Tells this quota's counts from others'. */
  policy: string;
  quota: Quota;
  /** Told when Redis begins to be away, and when it is back. */
  onAway(error: Error): void;
  onBack(): void;
}

/** How long Redis is left alone after it failed, in ms. */
const PAUSE = 1000;

interface Waiting {
  points: number;
  settle(use: Use): void;
}

/** Meters in one Redis. @param url `redis://…` or `rediss://…` */
export function redisMeters(url: string): {
  meter(options: Omit<Options, 'redis'>): Meter;
  close(): void;
} {
  // The meter says once that it is away.
  const redis = openRedis(url, {
    commandTimeout: 250,
    maxRetriesPerRequest: 0,
    connectionName: 'knockon limits',
  });
  return { meter: (options) => redisMeter({ redis, ...options }), close: () => redis.disconnect() };
}

/**
 * Counts in Redis, so that all API processes share one quota. What comes while a count of the same
 * name is on its way travels with the next one, so a busy key costs Redis a few commands a
 * millisecond at most. Without Redis each process counts for itself.
 */
function redisMeter({ redis, policy, quota, onAway, onBack }: Options): Meter {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `knockon:limit:${policy}`,
    points: quota.requests,
    duration: quota.seconds,
    rejectIfRedisNotReady: true,
  });
  const own = memoryMeter(quota);
  const waiting = new Map<string, Waiting[]>();
  let awayUntil = 0;
  let away = false;

  /** Counts them all at once; each of them is as far in the quota as if it had come alone. */
  async function count(name: string, group: Waiting[]): Promise<void> {
    const points = group.reduce((sum, one) => sum + one.points, 0);
    try {
      // Counts beyond the quota too, and unlike `consume` answers instead of throwing.
      const { consumedPoints, msBeforeNext } = await limiter.penalty(name, points);
      if (away) onBack();
      away = false;
      let before = consumedPoints - points;
      for (const one of group) {
        before += one.points;
        one.settle(useOf(quota, before, Math.max(0, msBeforeNext)));
      }
    } catch (error) {
      awayUntil = performance.now() + PAUSE;
      if (!away) onAway(error instanceof Error ? error : new Error(String(error)));
      away = true;
      for (const one of group) one.settle(await own.take(name, one.points));
    }
  }

  async function countWaiting(name: string): Promise<void> {
    for (let group = waiting.get(name); group && group.length > 0; group = waiting.get(name)) {
      waiting.set(name, []);
      await count(name, group);
    }
    waiting.delete(name);
  }

  return {
    quota,
    take(name, points = 1) {
      if (performance.now() < awayUntil) return own.take(name, points);
      return new Promise<Use>((settle) => {
        const group = waiting.get(name);
        if (group) group.push({ points, settle });
        else {
          waiting.set(name, [{ points, settle }]);
          void countWaiting(name);
        }
      });
    },
  };
}
