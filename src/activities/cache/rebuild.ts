import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { countedMessages, countMessages, type Rebuild } from '../runtime/rebuild.ts';
import { lastMessages } from './last-messages.ts';
import { type LockedChannel, writeSummaries } from './rows.ts';
import type { SummaryStore } from './summary.ts';

/** Channels whose summaries are written by one statement. */
const CHANNELS = 500;

/**
 * Makes every channel's summary again, in one transaction. Writers wait for it. Readers don't: they
 * see the old rows until its end.
 */
export function rebuildCache({ db }: Database, summaries: SummaryStore): Rebuild {
  return {
    count: () => countMessages(db),
    fill: async () => ({ after: null, read: await countMessages(db) }),
    swap: () =>
      db.transaction(async (tx) => {
        await tx.execute(
          sql`lock table knockon.channel_summaries, knockon.channel_authors
            in share row exclusive mode`,
        );
        const all = await recount(tx);
        for (let i = 0; i < all.length; i += CHANNELS)
          for await (const { channels, last } of lastMessages(tx, all.slice(i, i + CHANNELS)))
            await summaries.put(await writeSummaries(tx, channels, last));
      }),
  };
}

/**
 * Writes the sums again.
 *
 * @returns every channel, with its number of authors
 */
async function recount(tx: Transaction): Promise<LockedChannel[]> {
  await tx.execute(sql`delete from knockon.channel_summaries`);
  await tx.execute(sql`delete from knockon.channel_authors`);
  await tx.execute(sql`
    insert into knockon.channel_authors (channel_id, author, messages)
    select channel_id, author, sum(messages) from (${countedMessages('cache')}) counted
    group by channel_id, author having sum(messages) <> 0`);
  await tx.execute(sql`
    insert into knockon.channel_summaries (channel_id, workspace_id, messages)
    select c.id, c.workspace_id,
      coalesce((select sum(messages) from knockon.channel_authors a where a.channel_id = c.id), 0)
    from knockon.channels c where exists (select from knockon.messages m
      where m.channel_id = c.id)`);
  const rows = await tx.execute(sql`
    select s.channel_id, 'infinity' as top_at, c.last_seq::float8 as top_seq, (
        select count(*) from knockon.channel_authors a where a.channel_id = s.channel_id
          and a.messages > 0
      )::int as authors
    from knockon.channel_summaries s join knockon.channels c on c.id = s.channel_id
      order by s.channel_id`);
  return rows as unknown as LockedChannel[];
}
