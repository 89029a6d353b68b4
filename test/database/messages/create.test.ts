import postgres from 'postgres';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { editMessage } from '../../../src/messages/edit.ts';
import { removeMessage } from '../../../src/messages/remove.ts';
import { storeMessages } from '../../../src/messages/store.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test.close());

const hash = (byte: number) => Buffer.alloc(32, byte);
const seqs = async (channelId: string) =>
  (
    await test.database
      .pg`select seq from knockon.messages where channel_id = ${channelId} order by seq`
  ).map((row) => Number(row.seq));

describe('posting a message', () => {
  it('stores the message, its event and its place in the outbox together', async () => {
    const where = await aChannel(test.database);
    const posted = await aWriter(test.database).post(
      aMessage(where, { text: 'naïve "quotes" \\ {braces}', metadata: { a: [1, null, 'é'] } }),
    );
    if (posted.state !== 'stored') throw new Error(posted.state);
    const { message } = posted;
    const [event] = await test.database
      .pg`select * from knockon.events where id = ${message.event_id}`;
    expect(event).toMatchObject({
      type: 'message.created',
      message_id: message.id,
      seq: '1',
      workspace_id: where.workspaceId,
    });
    expect(event?.payload).toEqual({
      seq: 1,
      author: 'anna',
      text: 'naïve "quotes" \\ {braces}',
      metadata: { a: [1, null, 'é'] },
      sent_at: message.sent_at,
    });
    const [queued] = await test.database
      .pg`select * from knockon.outbox where event_id = ${message.event_id}`;
    expect(queued).toMatchObject({ dispatch_id: null, type: 'message.created' });
  });

  it('numbers the messages of a channel from 1 without gaps, whatever is posted at once', async () => {
    const [one, two] = [await aChannel(test.database), await aChannel(test.database)];
    const writers = [aWriter(test.database), aWriter(test.database)];
    await Promise.all(
      Array.from({ length: 400 }, (_, i) => writers[i % 2]!.post(aMessage(i % 3 ? one : two))),
    );
    expect(await seqs(one.channelId)).toEqual(Array.from({ length: 266 }, (_, i) => i + 1));
    expect(await seqs(two.channelId)).toEqual(Array.from({ length: 134 }, (_, i) => i + 1));
  });

  it('keeps the order in which one client posts', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const posted = await Promise.all(
      Array.from({ length: 50 }, (_, i) => writer.post(aMessage(where, { text: String(i) }))),
    );
    expect(posted.map((p) => p.state === 'stored' && p.message.seq)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('lets only the message fail whose channel is gone, and leaves no gap for it', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const nowhere = { workspaceId: where.workspaceId, channelId: uuidv7() };
    const posted = await Promise.all([where, nowhere, where].map((w) => writer.post(aMessage(w))));
    expect(posted.map((p) => p.state)).toEqual(['stored', 'no_channel', 'stored']);
    expect(await seqs(where.channelId)).toEqual([1, 2]);
  });

  it("does not find another workspace's channel", async () => {
    const [mine, theirs] = [await aChannel(test.database), await aChannel(test.database)];
    const posted = await aWriter(test.database).post(
      aMessage({ workspaceId: mine.workspaceId, channelId: theirs.channelId }),
    );
    expect(posted.state).toBe('no_channel');
  });

  it('lets only the message fail that the database refuses', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const results = await Promise.allSettled([
      writer.post(aMessage(where)),
      writer.post(aMessage(where, { text: 'a NUL \u0000 in the text' })),
      writer.post(aMessage(where)),
    ]);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await seqs(where.channelId)).toEqual([1, 2]);
  });
});

describe('an idempotency key', () => {
  const keyed = (key: string, byte: number) => ({ idempotency: { key, requestHash: hash(byte) } });

  it('gives the first answer again, also when the message has been edited or deleted since', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const first = await writer.post(aMessage(where, { text: 'first', ...keyed('k', 1) }));
    if (first.state !== 'stored') throw new Error(first.state);
    const which = { workspaceId: where.workspaceId, id: first.message.id };
    await test.database.db.transaction((tx) => editMessage(tx, which, { text: 'second' }));
    await test.database.db.transaction((tx) => removeMessage(tx, which));
    expect(await writer.post(aMessage(where, { text: 'first', ...keyed('k', 1) }))).toEqual({
      state: 'replayed',
      message: first.message,
    });
    expect(await seqs(where.channelId)).toEqual([1]);
  });

  it('is refused for another request', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    await writer.post(aMessage(where, keyed('k', 1)));
    expect((await writer.post(aMessage(where, keyed('k', 2)))).state).toBe('key_mismatch');
  });

  it('stores one message when two processes post it at once', async () => {
    const where = await aChannel(test.database);
    const writers = Array.from({ length: 8 }, () => aWriter(test.database));
    const posted = await Promise.all(
      writers.map((writer) => writer.post(aMessage(where, keyed('k', 1)))),
    );
    expect(posted.filter((p) => p.state === 'stored')).toHaveLength(1);
    expect(posted.filter((p) => p.state === 'replayed')).toHaveLength(7);
    expect(await seqs(where.channelId)).toEqual([1]);
  });

  it('is in flight while one process stores it', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const posted = await Promise.all([
      writer.post(aMessage(where, keyed('k', 1))),
      writer.post(aMessage(where, keyed('k', 1))),
    ]);
    expect(posted.map((p) => p.state)).toEqual(['stored', 'key_in_flight']);
  });

  it('is another key in another workspace', async () => {
    const writer = aWriter(test.database);
    const [one, two] = [await aChannel(test.database), await aChannel(test.database)];
    const posted = await Promise.all(
      [one, two].map((where) => writer.post(aMessage(where, keyed('k', 1)))),
    );
    expect(posted.map((p) => p.state)).toEqual(['stored', 'stored']);
  });

  it('may be used again after 24 hours', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    await writer.post(aMessage(where, keyed('k', 1)));
    await test.database
      .pg`update knockon.idempotency_keys set created_at = now() - interval '25 hours' where workspace_id = ${where.workspaceId}`;
    expect((await writer.post(aMessage(where, keyed('k', 2)))).state).toBe('stored');
  });

  it.each([
    ['fresh', '1 hour', 'replayed'],
    ['expired', '25 hours', 'key_in_flight'],
  ])(
    'keeps nobody waiting while another transaction holds its row: one that is %s',
    async (_, age, state) => {
      const [where, other] = [await aChannel(test.database), await aChannel(test.database)];
      const writer = aWriter(test.database);
      await writer.post(aMessage(where, keyed('k', 1)));
      await test.database.pg`update knockon.idempotency_keys
      set created_at = now() - ${age}::interval where workspace_id = ${where.workspaceId}`;
      const psql = postgres(test.url, { max: 1 });
      await psql.begin(async (tx) => {
        await tx`select from knockon.idempotency_keys
        where workspace_id = ${where.workspaceId} for update`;
        const posted = [aMessage(where, keyed('k', 1)), aMessage(other)].map((m) => writer.post(m));
        expect((await Promise.all(posted)).map((p) => p.state)).toEqual([state, 'stored']);
      });
      await psql.end();
    },
  );

  it('is not used up by a message that could not be stored', async () => {
    const where = await aChannel(test.database);
    const nowhere = { workspaceId: where.workspaceId, channelId: uuidv7() };
    const writer = aWriter(test.database);
    expect((await writer.post(aMessage(nowhere, keyed('k', 1)))).state).toBe('no_channel');
    expect((await writer.post(aMessage(where, keyed('k', 2)))).state).toBe('stored');
  });
});

describe('editing and deleting', () => {
  it("take the channel's next event seq and leave the message's own", async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const first = await writer.post(aMessage(where));
    if (first.state !== 'stored') throw new Error(first.state);
    const which = { workspaceId: where.workspaceId, id: first.message.id };
    const edited = await test.database.db.transaction((tx) =>
      editMessage(tx, which, { text: 'better' }),
    );
    expect(edited).toMatchObject({ seq: 1, text: 'better', author: 'anna' });
    expect(await test.database.db.transaction((tx) => removeMessage(tx, which))).toBe(true);
    await writer.post(aMessage(where));
    const log = await test.database
      .pg`select type, seq, payload from knockon.events where channel_id = ${where.channelId} order by seq`;
    expect(log.map((e) => [e.type, Number(e.seq)])).toEqual([
      ['message.created', 1],
      ['message.updated', 2],
      ['message.deleted', 3],
      ['message.created', 4],
    ]);
    expect(log[2]?.payload).not.toHaveProperty('text');
    expect(await seqs(where.channelId)).toEqual([1, 2]);
    const [tombstone] = await test.database
      .pg`select text, metadata from knockon.messages where id = ${which.id}`;
    expect(tombstone).toEqual({ text: '', metadata: {} });
  });

  it('say where there is nothing to change, and emit nothing', async () => {
    const where = await aChannel(test.database);
    const which = { workspaceId: where.workspaceId, id: uuidv7() };
    expect(
      await test.database.db.transaction((tx) => editMessage(tx, which, { text: 'x' })),
    ).toBeNull();
    expect(await test.database.db.transaction((tx) => removeMessage(tx, which))).toBe(false);
  });
});

describe('two processes that store for the same channels', () => {
  it('never wait for each other in a circle', async () => {
    const places = await Promise.all(Array.from({ length: 12 }, () => aChannel(test.database)));
    const batch = (order: typeof places) =>
      order.map((where) => ({
        ...aMessage(where),
        id: uuidv7(),
        eventId: uuidv7(),
        createdAt: new Date(),
        metadataJson: '{}',
      }));
    const rounds = Array.from({ length: 30 }, (_, i) =>
      storeMessages(
        test.database.pg,
        batch(i % 2 ? places : [...places].reverse()),
        i % 3 ? 'left out' : 'waited for',
      ),
    );
    await expect(Promise.all(rounds)).resolves.toHaveLength(30);
  });
});
