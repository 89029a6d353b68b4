import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache } from '../../../src/activities/cache/index.ts';
import { postgresSummaries } from '../../../src/activities/cache/summaries.ts';
import type { ChannelSummary, SummaryStore } from '../../../src/activities/cache/summary.ts';
import { freshDatabase } from '../../harness/database.ts';
import { deliver, startConversation } from './conversation.ts';
import { playSteps, randomSteps } from './random-conversations.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let summaries: SummaryStore;
beforeAll(async () => {
  fresh = await freshDatabase();
  summaries = postgresSummaries(fresh.database.db);
});
afterAll(() => fresh?.close());

async function recounted(
  channelId: string,
): Promise<
  Pick<ChannelSummary, 'messages' | 'authors'> & { last_seq: number | null; text: string | null }
> {
  const [row] = await fresh.database.db.execute(sql`
    select count(*)::int as messages, count(distinct author)::int as authors, 
      (array_agg(seq order by sent_at desc, seq desc))[1]::int as last_seq,
      (array_agg(text order by sent_at desc, seq desc))[1] as text
    from knockon.messages where channel_id = ${channelId} and deleted_at is null`);
  return row as never;
}

test('whatever order and groups the events come in, the summary is that of the live messages', async () => {
  await fc.assert(
    fc.asyncProperty(randomSteps, fc.array(fc.nat()), async (steps, order) => {
      const { channelIds } = await playSteps(fresh.database, cache({ summaries }), steps, order);
      for (const channelId of channelIds) {
        const summary = await summaries.get(channelId);
        const { last_seq, text, ...counts } = await recounted(channelId);
        expect(summary ?? { messages: 0, authors: 0 }).toMatchObject(counts);
        expect(summary?.last_message?.seq ?? null).toBe(last_seq);
        expect(summary?.last_message?.text ?? null).toBe(text);
      }
    }),
    { numRuns: 40 },
  );
});

test('the last message is shown as the API answers it, with its time as the last activity', async () => {
  const talk = await startConversation(fresh.database);
  const { event_id: _, ...message } = await talk.post('hello', {
    sentAt: new Date('2024-01-15T12:00:00.120Z'),
  });
  await deliver(fresh.database, cache({ summaries }), await talk.events());
  expect(await summaries.get(talk.channelId)).toEqual({
    channel_id: talk.channelId,
    messages: 1,
    authors: 1,
    last_message: message,
    last_activity_at: '2024-01-15T12:00:00.120Z',
  });
});

test('what is imported later and was sent earlier is no news, and comes back when what is newer is gone', async () => {
  const talk = await startConversation(fresh.database);
  const at = (sentAt: string) => ({ sentAt: new Date(sentAt) });
  const old = await talk.post('old', at('2009-02-23T10:00:00Z'));
  const now = await talk.post('now', at('2024-01-15T12:00:00Z'));
  const deliverAll = async (type: string, ids: string[]) =>
    deliver(
      fresh.database,
      cache({ summaries }),
      (await talk.events()).filter((e) => e.type === type && ids.includes(String(e.message_id))),
    );
  const last = async () => {
    const summary = await summaries.get(talk.channelId);
    return [summary?.last_message?.text, summary?.last_activity_at];
  };
  await deliverAll('message.created', [now.id]);
  await deliverAll('message.created', [old.id]);
  expect(await last()).toEqual(['now', '2024-01-15T12:00:00.000Z']);
  const imported = await talk.post('imported', at('2012-01-01T00:00:00Z'));
  await talk.edit(old.id, 'edited');
  await deliverAll('message.updated', [old.id]);
  await deliverAll('message.created', [imported.id]);
  expect(await last()).toEqual(['now', '2024-01-15T12:00:00.000Z']);
  await talk.remove(now.id);
  await deliverAll('message.deleted', [now.id]);
  expect(await last()).toEqual(['imported', '2012-01-01T00:00:00.000Z']);
  await talk.remove(imported.id);
  await deliverAll('message.deleted', [imported.id]);
  expect(await last()).toEqual(['edited', '2009-02-23T10:00:00.000Z']);
});

test('an emptied channel has no last message and no activity', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('only');
  await deliver(fresh.database, cache({ summaries }), await talk.events());
  await talk.remove(id);
  const gone = (await talk.events()).filter((event) => event.type === 'message.deleted');
  await deliver(fresh.database, cache({ summaries }), gone);
  const empty = {
    channel_id: talk.channelId,
    messages: 0,
    authors: 0,
    last_message: null,
    last_activity_at: null,
  };
  expect(await summaries.get(talk.channelId)).toEqual(empty);
});

test('a deletion that comes first never shows less than nothing', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('only');
  await talk.remove(id);
  const gone = (await talk.events()).filter((event) => event.type === 'message.deleted');
  await deliver(fresh.database, cache({ summaries }), gone);
  expect(await summaries.get(talk.channelId)).toMatchObject({ messages: 0, authors: 0 });
});

test('a channel in which nothing has happened has no summary', async () => {
  const talk = await startConversation(fresh.database);
  expect(await summaries.get(talk.channelId)).toBeNull();
});

test('many groups at once in the same channels wait for nobody who waits for them, and come to the right sums', async () => {
  const talk = await startConversation(fresh.database, { channels: 3 });
  const authors = ['ada', 'bob', 'eve', 'joe', 'zoe'];
  const posted = await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      talk.post(`text ${i}`, { author: authors[(i * 7) % 5], channel: (i * 11) % 3 }),
    ),
  );
  for (const [i, { id, author }] of posted.entries()) {
    if (author === 'eve' || i > 480) await talk.remove(id);
    else if (i % 9 === 0) await talk.edit(id, `edited ${i}`);
  }
  const events = (await talk.events()).sort((a, b) => (a.id.slice(-6) < b.id.slice(-6) ? -1 : 1));
  const groups = Array.from({ length: 25 }, (_, i) => events.filter((_, n) => n % 25 === i));
  await Promise.all(groups.map((group) => deliver(fresh.database, cache({ summaries }), group)));
  for (const channelId of talk.channelIds) {
    const { last_seq, text, ...counts } = await recounted(channelId);
    expect(await summaries.get(channelId)).toMatchObject({
      ...counts,
      last_message: { seq: last_seq, text },
    });
    expect(counts.authors).toBe(4);
  }
});

test('what a store refuses is not written: the effect is tried again as a whole', async () => {
  const talk = await startConversation(fresh.database);
  await talk.post('hello');
  const put = async () => {
    throw new Error('the copy could not be written');
  };
  await expect(
    deliver(fresh.database, cache({ summaries: { ...summaries, put } }), await talk.events()),
  ).rejects.toThrow('could not be written');
  expect(await summaries.get(talk.channelId)).toBeNull();
});
