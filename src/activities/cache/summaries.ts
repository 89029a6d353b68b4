import type { Database } from '../../db/client.ts';
import { postgresSummaries } from './postgres.ts';
import { redisSummaries } from './redis.ts';
import type { ChannelSummary } from './summary.ts';

/** Where summaries are served from. The truth is the row in `channel_summaries`, whatever else keeps a copy. */
export interface SummaryStore {
  /**
   * Called inside the transaction that changes the rows, while it holds them: of two copies the later one is the newer.
   * @throws where the copy can't be written; the effect is then tried again as a whole
   */
  put(summaries: ChannelSummary[]): Promise<void>;
  /** Null for a channel nothing has happened in. */
  get(channelId: string): Promise<ChannelSummary | null>;
  close(): Promise<void>;
}

/** Serves summaries from Redis where there is a `redisUrl`, else from Postgres. `onError` is told of lost connections to Redis. */
export function summaryStore(db: Database['db'], redisUrl?: string, onError?: (error: Error) => void): SummaryStore {
  return redisUrl === undefined ? postgresSummaries(db) : redisSummaries({ url: redisUrl, db, onError });
}
