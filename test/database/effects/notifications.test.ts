import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { notifications } from '../../../src/activities/notifications/index.ts';
import { machineTime } from '../../../src/activities/runtime/effect.ts';
import { members } from '../../../src/db/schema/messages.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { type Conversation, startConversation } from './conversation.ts';

let fresh: TestDatabase;
let talk: Conversation;

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());
beforeEach(async () => {
  talk = await startConversation(fresh.database, { channels: 2 });
});

const ofAnyAge = notifications({ mailer: null, graceMs: 0 });

async function perform(events: DomainEvent[], effect = ofAnyAge) {
  if (!('perform' in effect)) throw new Error('notifications call the outside');
  const wanted = events.filter((event) => effect.on.includes(event.type));
  return await effect.perform(wanted, {
    ...machineTime,
    db: fresh.database.db,
    target: undefined,
    signal: new AbortController().signal,
  });
}

const join = (handle: string) =>
  fresh.database.db.insert(members).values({ workspace_id: talk.workspaceId, handle });

/** Who is notified, by message. */
async function notified(messageId?: string): Promise<string[]> {
  const rows = await fresh.database.db.execute<{ recipient: string }>(sql`
    select recipient from knockon.notifications where workspace_id = ${talk.workspaceId} and message_id = coalesce(${messageId ?? null}::uuid, message_id)
    order by recipient`);
  return rows.map((row) => row.recipient);
}

/** Says it and lets the effect handle all that has happened. */
async function say(text: string, options?: Parameters<Conversation['post']>[1]) {
  const message = await talk.post(text, options);
  await perform(await talk.events());
  return message;
}

const markRead = (recipient: string) =>
  fresh.database.db.execute(
    sql`update knockon.notifications set read_at = now() where workspace_id = ${talk.workspaceId} and recipient = ${recipient}`,
  );

test('@nick is notified at once, known or not, spelled as known', async () => {
  await join('Karl');
  await talk.post('hello', { author: 'Zoë' });
  const { id } = await say('@KARL and @zoë, do you know @stranger?');
  expect(await notified(id)).toEqual(['Karl', 'stranger', 'Zoë'].sort());
});

test('nick: and nick, at the start mean somebody who has spoken in the channel before, or a member', async () => {
  await talk.post('hello', { author: '|trey|' });
  await talk.post('elsewhere', { author: 'w1zeman1p', channel: 1 });
  await join('member');
  expect(await notified((await say('|trey|, top in the list')).id)).toEqual(['|trey|']);
  expect(await notified((await say('|TREY|: again')).id)).toEqual(['|trey|']);
  expect(await notified((await say('w1zeman1p: are you here?')).id)).toEqual([]);
  expect(await notified((await say('member: hi')).id)).toEqual(['member']);
  expect(await notified((await say('note: this is nobody')).id)).toEqual([]);
});

test('who speaks only afterwards was not meant by nick:, however late the event is handled', async () => {
  const { id } = await talk.post('bob: hi');
  await talk.post('did you call me?', { author: 'bob' });
  await perform(await talk.events());
  expect(await notified(id)).toEqual([]);
});

test('an exact spelling goes before another one', async () => {
  await join('Bob');
  await talk.post('hello', { author: 'bob' });
  expect(await notified((await say('@bob and @BOB')).id)).toEqual(['Bob', 'bob'].sort());
  expect(await notified((await say('Bob: you')).id)).toEqual(['Bob']);
});

test('a name with a sign or a full stop is taken whole where somebody has it', async () => {
  await join('anna.lee');
  await join('karl-');
  await join('tim');
  expect(await notified((await say('@anna.lee @karl- @tim-')).id)).toEqual([
    'anna.lee',
    'karl-',
    'tim',
  ]);
});

test('nobody is notified of their own message, in whatever letters', async () => {
  expect(await notified((await say('@ada @ADA @Ada, ada: me', { author: 'ada' })).id)).toEqual([]);
});

test('a name that is mentioned twice in a message is notified once, and calls can be repeated', async () => {
  const { id } = await say('@karl @karl, @KARL');
  await perform(await talk.events());
  await Promise.all([perform(await talk.events()), perform(await talk.events())]);
  expect(await notified(id)).toEqual(['KARL', 'karl'].sort());
});

test('a member of another workspace and a speaker of another channel are not known', async () => {
  const other = await startConversation(fresh.database);
  await fresh.database.db
    .insert(members)
    .values({ workspace_id: other.workspaceId, handle: 'Foreign' });
  expect(await notified((await say('@foreign')).id)).toEqual(['foreign']);
});

test('a group of messages is handled as one by one', async () => {
  await talk.post('hello', { author: 'bob' });
  const posted = [];
  for (let i = 0; i < 60; i++)
    posted.push(await talk.post(i % 3 === 0 ? `@n${i}x` : i % 3 === 1 ? 'bob: yes' : 'nobody'));
  await perform(await talk.events());
  expect(await notified(posted[3]!.id)).toEqual(['n3x']);
  expect(await notified(posted[4]!.id)).toEqual(['bob']);
  expect(await notified()).toHaveLength(40);
});

test('at most fifty people are notified of a message', async () => {
  await say(Array.from({ length: 1000 }, (_, i) => `@nick${i}x`).join(' '));
  expect(await notified()).toHaveLength(50);
});

test('after an edit who is newly mentioned is notified, who was stays so, and who is not any more is not unless they have read it', async () => {
  const { id } = await say('@ann @bob @cid');
  await markRead('cid');
  await talk.edit(id, '@bob @dan');
  await perform(await talk.events());
  expect(await notified(id)).toEqual(['bob', 'cid', 'dan']);
  const rows = await fresh.database.db.execute(
    sql`select count(*)::int as n from knockon.notifications where message_id = ${id}`,
  );
  expect(rows[0]).toEqual({ n: 3 });
});

test('a deleted message notifies nobody: unread notifications are gone, read ones stay', async () => {
  const { id } = await say('@ann @bob');
  await markRead('bob');
  await talk.remove(id);
  await perform(await talk.events());
  expect(await notified(id)).toEqual(['bob']);
});

test('a message that was edited or deleted before its event is handled counts as it is now', async () => {
  const edited = await talk.post('@ann');
  const deleted = await talk.post('@ann');
  await talk.edit(edited.id, '@bob');
  await talk.remove(deleted.id);
  await perform((await talk.events()).filter((event) => event.type === 'message.created'));
  expect(await notified()).toEqual(['bob']);
  await perform(await talk.events());
  expect(await notified()).toEqual(['bob']);
});

test('events that come in the wrong order end the same', async () => {
  const { id } = await talk.post('@ann');
  await talk.edit(id, '@bob');
  await talk.edit(id, '@cid');
  for (const event of (await talk.events()).reverse()) await perform([event]);
  expect(await notified(id)).toEqual(['cid']);
});

test('a member who joins later does not become the one who was meant when the event is handled again', async () => {
  const { id } = await say('bob: hi @ann');
  await join('bob');
  await perform(await talk.events());
  expect(await notified(id)).toEqual(['ann']);
});

test('a text full of odd characters harms nothing', async () => {
  await say(
    `@'; drop table notifications; -- @\\ @{} @"x" @%_ ${'\u202e'}@ann\u0000`.replace('\u0000', ''),
  );
  expect(await notified()).toContain('ann');
});

test('a message from long ago notifies nobody unless it says so, and edits keep to that', async () => {
  const HOUR = 3_600_000;
  const ofToday = notifications({ mailer: null, graceMs: 0, ageMs: 24 * HOUR });
  const hoursAgo = (hours: number) => ({ sentAt: new Date(Date.now() - hours * HOUR) });
  const old = await talk.post('@ann hello', hoursAgo(25));
  const recent = await talk.post('@bob hello', hoursAgo(23));
  const asked = await talk.post('@cid hello', { ...hoursAgo(10_000), notify: true });
  const silent = await talk.post('@dan hello', { notify: false });
  await perform(await talk.events(), ofToday);
  expect(await notified()).toEqual(['bob', 'cid']);
  for (const { id } of [old, recent, asked, silent]) await talk.edit(id, '@eve hello');
  await perform(await talk.events(), ofToday);
  expect(await notified()).toEqual(['eve', 'eve']);
  expect(await notified(recent.id)).toEqual(['eve']);
});
