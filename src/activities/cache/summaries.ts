import { eq } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { channelSummaries } from '../../db/schema/read-models.ts';
import { type SummaryStore, toSummary } from './summary.ts';

/**
 * Serves summaries from Redis if there is a `redisUrl`, else from Postgres. The client of Redis is
 * loaded only if it is used.
 *
 * @param onError called when a connection to Redis is lost
 */
export async function summaryStore(
  db: Database['db'],
  redisUrl?: string,
  onError?: (error: Error) => void,
): Promise<SummaryStore> {
  if (redisUrl === undefined) return postgresSummaries(db);
  const { RedisSummaries } = await import('./redis.ts');
  return new RedisSummaries({ url: redisUrl, rows: postgresSummaries(db), onError });
}

/** Serves summaries from their rows. The effect writes these, so there is no copy to keep. */
export function postgresSummaries(db: Database['db']): SummaryStore {
  const { channel_id } = channelSummaries;
  return {
    put: async () => {},
    async get(channelId) {
      const [row] = await db.select().from(channelSummaries).where(eq(channel_id, channelId));
      return row ? toSummary(row) : null;
    },
    close: async () => {},
  };
}
