import { Redis } from 'ioredis';
import type { ChannelSummary, SummaryStore } from './summary.ts';

/** Lifetime of a copy, in seconds: a transaction that failed may have left a wrong one. */
const LIFETIME = 3600;

/** How long a silent Redis is not used, in ms. Else each read would wait for it. */
const REST = 2000;

const key = (channelId: string) => `knockon:summary:${channelId}`;

/** Thrown if a copy can't be written. The code makes the call wait, as for an absent database. */
class RedisAwayError extends Error {
  override name = 'RedisAwayError';
  readonly code = 'CONNECTION_REDIS';
}

/**
 * Serves summaries from Redis. The rows in Postgres stay the truth: they answer if a copy is
 * missing or Redis is away. Writing is stricter. If Redis can't take a copy, the effect fails and
 * is retried, so no copy goes stale.
 *
 * @param options.url `redis://…` or `rediss://…`
 * @param options.rows the summaries in Postgres
 * @param options.onError called when a connection is lost. Reconnecting is automatic.
 */
export function redisSummaries(options: {
  url: string;
  rows: SummaryStore;
  onError?(error: Error): void;
}): SummaryStore {
  const { rows } = options;
  const limits = {
    connectTimeout: 2000,
    commandTimeout: 1000,
    maxRetriesPerRequest: 1,
    keepAlive: 10_000,
  };
  const redis = new Redis(options.url, { ...limits, connectionName: 'knockon' });
  redis.on('error', (error: Error) => options.onError?.(error));
  let restsUntil = 0;
  const isResting = () => performance.now() < restsUntil;
  const isReady = () => redis.status === 'ready' && !isResting();

  /** A connection that does not answer may be dead for ever, so it is replaced. */
  function replaceIfSilent(error: unknown): void {
    if (!(error instanceof Error) || error.message !== 'Command timed out') return;
    restsUntil = performance.now() + REST;
    redis.disconnect(true);
  }

  async function copyOf(channelId: string): Promise<ChannelSummary | null> {
    // A read never waits for a connection.
    if (!isReady()) return null;
    try {
      return JSON.parse((await redis.get(key(channelId))) ?? 'null');
    } catch (error) {
      replaceIfSilent(error);
      return null;
    }
  }

  return {
    async put(summaries) {
      if (isResting())
        throw new RedisAwayError('Redis, where summaries are served from, does not answer');
      const batch = redis.pipeline();
      for (const summary of summaries)
        batch.set(key(summary.channel_id), JSON.stringify(summary), 'EX', LIFETIME);
      const results = (await batch.exec()) ?? [];
      const failed = results.find(([error]) => error)?.[0];
      replaceIfSilent(failed);
      if (failed)
        throw new RedisAwayError(
          `Redis, where summaries are served from, has not taken one: ${failed.message}`,
        );
    },
    async get(channelId) {
      const copy = await copyOf(channelId);
      if (copy) return copy;
      const summary = await rows.get(channelId);
      // `NX`: the effect may have written a newer one meanwhile.
      if (summary && isReady())
        await redis
          .set(key(channelId), JSON.stringify(summary), 'EX', LIFETIME, 'NX')
          .catch(replaceIfSilent);
      return summary;
    },
    async close() {
      redis.disconnect();
    },
  };
}
