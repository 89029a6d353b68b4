import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { countedMessages, countMessages, type Rebuild } from '../runtime/rebuild.ts';

/**
 * Counts every message again, in one transaction. Writers wait for it. Readers don't: they see the
 * old rows until its end.
 */
export function rebuildAnalytics({ db }: Database): Rebuild {
  return {
    count: () => countMessages(db),
    fill: async () => ({ after: null, read: await countMessages(db) }),
    swap: () =>
      db.transaction(async (tx) => {
        await tx.execute(sql`lock table knockon.analytics_quarters in share row exclusive mode`);
        await tx.execute(sql`delete from knockon.analytics_quarters`);
        await tx.execute(sql`
          insert into knockon.analytics_quarters (channel_id, quarter, author, workspace_id, messages)
          select channel_id, to_timestamp(floor(extract(epoch from sent_at) / 900) * 900), author,
            workspace_id, sum(messages)
          from (${countedMessages('analytics')}) counted
          group by 1, 2, 3, 4 having sum(messages) <> 0`);
      }),
  };
}
