import type { Database } from '../../db/client.ts';
import { postgresSummaries } from './postgres.ts';
import type { ChannelSummary } from './summary.ts';

/**
 * Where summaries are served from. The truth is the row in `channel_summaries`, whatever else keeps
 * a copy.
 */
export interface SummaryStore {
  /**
   * Called inside the transaction that changes the rows, while it holds them: of two copies the
   * later one is the newer.
   * @throws where the copy can't be written; the effect is then tried again as a whole
   */
  put(summaries: ChannelSummary[]): Promise<void>;
  /** Null for a channel nothing has happened in. */
  get(channelId: string): Promise<ChannelSummary | null>;
  close(): Promise<void>;
}

/**
 * Serves summaries from Redis where there is a `redisUrl`, else from Postgres. `onError` is told of
 * lost connections to Redis, whose client is loaded where it is used alone.
 */
export async function summaryStore(
  db: Database['db'],
  redisUrl?: string,
  onError?: (error: Error) => void,
): Promise<SummaryStore> {
  if (redisUrl === undefined) return postgresSummaries(db);
  const { redisSummaries } = await import('./redis.ts');
  return redisSummaries({ url: redisUrl, db, onError });
}
