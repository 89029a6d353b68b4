import { eq } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { channelSummaries } from '../../db/schema/cache.ts';
import type { SummaryStore } from './summaries.ts';
import { toSummary } from './summary.ts';

/** Serves summaries from their rows. The effect writes these, so there is no copy to keep. */
export function postgresSummaries(db: Database['db']): SummaryStore {
  return {
    put: async () => {},
    async get(channelId) {
      const [row] = await db
        .select()
        .from(channelSummaries)
        .where(eq(channelSummaries.channel_id, channelId));
      return row ? toSummary(row) : null;
    },
    close: async () => {},
  };
}
