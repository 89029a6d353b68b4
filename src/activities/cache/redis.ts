import { Redis } from 'ioredis';
import type { Database } from '../../db/client.ts';
import { postgresSummaries } from './postgres.ts';
import type { SummaryStore } from './summaries.ts';
import type { ChannelSummary } from './summary.ts';

/** What a copy lives, in seconds: longest that one may be wrong which was written by a transaction that then failed for good. */
const LIFETIME = 3600;

const key = (channelId: string) => `knockon:summary:${channelId}`;

/**
 * Serves summaries from Redis. The rows in Postgres stay the truth: a copy that is missing, or a Redis that is away, is answered
 * from them. Writing is stricter: while Redis can't take the copy the effect fails and is tried again, so that none goes stale.
 *
 * @param options.url `redis://…` or `rediss://…`
 * @param options.onError told of lost connections; reconnecting goes on by itself
 */
export function redisSummaries(options: { url: string; db: Database['db']; onError?(error: Error): void }): SummaryStore {
  const rows = postgresSummaries(options.db);
  const redis = new Redis(options.url, { connectTimeout: 2000, commandTimeout: 1000, maxRetriesPerRequest: 1, connectionName: 'knockon' });
  redis.on('error', (error: Error) => options.onError?.(error));

  async function copy(channelId: string): Promise<ChannelSummary | null> {
    // Nobody who reads waits for a connection.
    if (redis.status !== 'ready') return null;
    try {
      return JSON.parse((await redis.get(key(channelId))) ?? 'null');
    } catch {
      return null;
    }
  }

  return {
    async put(summaries) {
      const batch = redis.pipeline();
      for (const summary of summaries) batch.set(key(summary.channel_id), JSON.stringify(summary), 'EX', LIFETIME);
      for (const [error] of (await batch.exec()) ?? []) if (error) throw error;
    },
    async get(channelId) {
      const found = await copy(channelId);
      if (found) return found;
      const summary = await rows.get(channelId);
      // `NX`: what an effect has written meanwhile is newer than what was read here.
      if (summary && redis.status === 'ready')
        await redis.set(key(channelId), JSON.stringify(summary), 'EX', LIFETIME, 'NX').catch(() => {});
      return summary;
    },
    async close() {
      redis.disconnect();
    },
  };
}
