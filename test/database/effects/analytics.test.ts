import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analytics } from '../../../src/activities/analytics/index.ts';
import { freshDatabase } from '../../harness/database.ts';
import { deliver, startConversation } from './conversation.ts';
import { playSteps, randomSteps } from './random-conversations.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

type Row = { channel_id: string; quarter: string; author: string; messages: number };

const counted = (workspaceId: string) =>
  fresh.database.db.execute<Row>(sql`
    select channel_id, quarter::text, author, messages from knockon.analytics_quarters where workspace_id = ${workspaceId} order by 1, 2, 3`);

const recounted = (workspaceId: string) =>
  fresh.database.db.execute<Row>(sql`
    select channel_id, date_bin('15 minutes', sent_at, 'epoch')::text as quarter, author, count(*)::int as messages from knockon.messages
    where workspace_id = ${workspaceId} and deleted_at is null group by 1, 2, 3 order by 1, 2, 3`);

test('whatever order and groups the events come in, the counts are those of the live messages', async () => {
  await fc.assert(
    fc.asyncProperty(randomSteps, fc.array(fc.nat()), async (steps, order) => {
      const { workspaceId } = await playSteps(fresh.database, analytics(), steps, order);
      expect([...(await counted(workspaceId))]).toEqual([...(await recounted(workspaceId))]);
    }),
    { numRuns: 40 },
  );
});

test('a message counts in the quarter of an hour it was sent in, not in that it arrived in', async () => {
  const talk = await startConversation(fresh.database);
  await talk.post('early', { sentAt: new Date('2009-02-23T10:59:59.999Z') });
  await talk.post('late', { sentAt: new Date('2009-02-23T11:00:00.000Z') });
  await talk.post('before 1970', { sentAt: new Date('1969-12-31T23:15:00.000Z') });
  await deliver(fresh.database, analytics(), await talk.events());
  expect((await counted(talk.workspaceId)).map((row) => [row.quarter, row.messages])).toEqual([
    ['1969-12-31 23:15:00+00', 1],
    ['2009-02-23 10:45:00+00', 1],
    ['2009-02-23 11:00:00+00', 1],
  ]);
});

test('an edit changes no count', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('first');
  await talk.edit(id, 'second');
  await deliver(fresh.database, analytics(), await talk.events());
  expect((await counted(talk.workspaceId)).map((row) => row.messages)).toEqual([1]);
});

test('a deletion that overtakes its message leaves nothing behind', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('short-lived');
  await talk.remove(id);
  const events = await talk.events();
  for (const type of ['message.deleted', 'message.created']) {
    await deliver(
      fresh.database,
      analytics(),
      events.filter((event) => event.type === type),
    );
  }
  expect(await counted(talk.workspaceId)).toHaveLength(0);
});

test('an event without a readable sent_at is dead and its neighbours are counted', async () => {
  const talk = await startConversation(fresh.database);
  await talk.post('good');
  await talk.post('bad');
  const events = (await talk.events()).filter((event) => event.type === 'message.created');
  events[1]!.payload.sent_at = 'yesterday';
  const answer = await deliver(fresh.database, analytics(), events);
  expect(answer).toEqual([
    {
      event_id: events[1]!.id,
      state: 'dead',
      reason: 'payload.sent_at "yesterday" is not a time',
      cause: 'bad sent_at',
    },
  ]);
  expect((await counted(talk.workspaceId)).map((row) => row.messages)).toEqual([1]);
});

test('many groups at once in the same hours wait for nobody who waits for them, and every message is counted', async () => {
  const talk = await startConversation(fresh.database, { channels: 3 });
  const authors = ['ada', 'bob', 'eve', 'joe'];
  const posts = Array.from({ length: 600 }, (_, i) =>
    talk.post('x', {
      author: authors[(i * 7) % 4],
      channel: (i * 5) % 3,
      sentAt: new Date(Date.UTC(2024, 0, 1, (i * 11) % 4)),
    }),
  );
  const removed = (await Promise.all(posts)).filter((_, i) => i % 3 === 0);
  for (const { id } of removed) await talk.remove(id);
  const events = (await talk.events()).sort((a, b) => (a.id.slice(-6) < b.id.slice(-6) ? -1 : 1));
  const groups = Array.from({ length: 20 }, (_, i) => events.filter((_, n) => n % 20 === i));
  await Promise.all(groups.map((group) => deliver(fresh.database, analytics(), group)));
  expect([...(await counted(talk.workspaceId))]).toEqual([...(await recounted(talk.workspaceId))]);
});
