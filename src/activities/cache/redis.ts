import { Redis } from 'ioredis';
import type { Database } from '../../db/client.ts';
import { postgresSummaries } from './postgres.ts';
import type { SummaryStore } from './summaries.ts';
import type { ChannelSummary } from './summary.ts';

/**
 * What a copy lives, in seconds: longest that one may be wrong which was written by a transaction
 * that then failed for good.
 */
const LIFETIME = 3600;

const key = (channelId: string) => `knockon:summary:${channelId}`;

/**
 * How long a Redis that has not answered is left alone, in ms: else whoever reads would wait for it
 * each time.
 */
const REST = 2000;

/**
 * Thrown where a copy can't be written. The code says that the same call may pass later, as where
 * the database is away.
 */
class RedisAwayError extends Error {
  override name = 'RedisAwayError';
  readonly code = 'CONNECTION_REDIS';
}

/**
 * Serves summaries from Redis. The rows in Postgres stay the truth: a copy that is missing, or a
 * Redis that is away, is answered from them. Writing is stricter: while Redis can't take the copy
 * the effect fails and is tried again, so that none goes stale.
 *
 * @param options.url `redis://…` or `rediss://…`
 * @param options.onError told of lost connections; reconnecting goes on by itself
 */
export function redisSummaries(options: {
  url: string;
  db: Database['db'];
  onError?(error: Error): void;
}): SummaryStore {
  const rows = postgresSummaries(options.db);
  const limits = {
    connectTimeout: 2000,
    commandTimeout: 1000,
    maxRetriesPerRequest: 1,
    keepAlive: 10_000,
  };
  const redis = new Redis(options.url, { ...limits, connectionName: 'knockon' });
  redis.on('error', (error: Error) => options.onError?.(error));
  let restsUntil = 0;
  const rests = () => performance.now() < restsUntil;

  /** A connection that is silent may be dead for ever: it is made anew. */
  function silent(error: unknown): void {
    if (!(error instanceof Error) || error.message !== 'Command timed out') return;
    restsUntil = performance.now() + REST;
    redis.disconnect(true);
  }

  async function copy(channelId: string): Promise<ChannelSummary | null> {
    // Nobody who reads waits for a connection.
    if (redis.status !== 'ready' || rests()) return null;
    try {
      return JSON.parse((await redis.get(key(channelId))) ?? 'null');
    } catch (error) {
      silent(error);
      return null;
    }
  }

  return {
    async put(summaries) {
      if (rests())
        throw new RedisAwayError('Redis, where summaries are served from, does not answer');
      const batch = redis.pipeline();
      for (const summary of summaries)
        batch.set(key(summary.channel_id), JSON.stringify(summary), 'EX', LIFETIME);
      const results = (await batch.exec()) ?? [];
      const failed = results.find(([error]) => error)?.[0];
      silent(failed);
      if (failed)
        throw new RedisAwayError(
          `Redis, where summaries are served from, has not taken one: ${failed.message}`,
        );
    },
    async get(channelId) {
      const found = await copy(channelId);
      if (found) return found;
      const summary = await rows.get(channelId);
      // `NX`: what an effect has written meanwhile is newer than what was read here.
      if (summary && redis.status === 'ready' && !rests())
        await redis
          .set(key(channelId), JSON.stringify(summary), 'EX', LIFETIME, 'NX')
          .catch(silent);
      return summary;
    },
    async close() {
      redis.disconnect();
    },
  };
}
