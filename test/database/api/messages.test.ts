import { afterEach, describe, expect, test, vi } from 'vitest';
import { useApi } from './test-api.ts';

const api = useApi();
afterEach(() => vi.useRealTimers());

describe('posting a message', () => {
  test('answers with the message, its place in the channel and its event', async () => {
    const channel = await api.channel();
    const { status, body } = await api.post(channel, {
      metadata: { thread: 'deploys' },
      sent_at: '2024-01-15T13:00:00.5+01:00',
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      channel_id: channel,
      seq: 1,
      author: 'ada',
      text: 'hello',
      metadata: { thread: 'deploys' },
      sent_at: '2024-01-15T12:00:00.500Z',
      created_at: expect.any(String),
      updated_at: body.created_at,
      event_id: expect.any(String),
    });
    const { event_id, ...message } = body;
    expect((await api.call('GET', `/v1/messages/${body.id}`)).body).toEqual(message);
    expect((await api.call('GET', `/v1/events/${event_id}`)).body).toMatchObject({
      type: 'message.created',
      message_id: body.id,
      seq: 1,
    });
  });

  test('gives places without gaps when many arrive at once', async () => {
    const channel = await api.channel();
    const posted = await Promise.all(
      Array.from({ length: 50 }, (_, n) => api.post(channel, { text: `message ${n}` })),
    );
    expect(posted.map(({ body }) => body.seq).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, n) => n + 1),
    );
  });

  test('keeps text as it came: spaces, line breaks, emoji, markup and private-use characters', async () => {
    const text = '  <b>hi</b>\n\t👩‍👩‍👧 \ue000 \u202e ﷽  ';
    const { body } = await api.post(await api.channel(), { text });
    expect((await api.call('GET', `/v1/messages/${body.id}`)).body.text).toBe(text);
  });

  test('takes the spaces around an author off', async () => {
    expect((await api.post(await api.channel(), { author: '  ada ' })).body.author).toBe('ada');
  });

  test('keeps metadata that has a key named __proto__', async () => {
    const channel = await api.channel();
    const { body } = await api.call('POST', `/v1/channels/${channel}/messages`, {
      body: '{"author":"ada","text":"hi","metadata":{"__proto__":{"a":1},"constructor":2}}',
    });
    const read = await api.call('GET', `/v1/messages/${body.id}`);
    expect(JSON.stringify(read.body.metadata)).toBe('{"__proto__":{"a":1},"constructor":2}');
  });

  test('counts 40,000 characters as people do, in code points', async () => {
    const channel = await api.channel();
    expect((await api.post(channel, { text: '😀'.repeat(40_000) })).status).toBe(201);
    expect((await api.post(channel, { text: 'a'.repeat(40_001) })).status).toBe(422);
    expect((await api.post(channel, { text: `${'😀'.repeat(40_000)}a` })).status).toBe(422);
  });
});

describe('editing and deleting', () => {
  test('an edit changes what is given, leaves the rest and emits message.updated', async () => {
    const { body: posted } = await api.post(await api.channel(), { metadata: { a: 1 } });
    const edited = await api.call('PATCH', `/v1/messages/${posted.id}`, {
      body: { text: 'hello again' },
    });
    expect(edited).toMatchObject({
      status: 200,
      body: { text: 'hello again', metadata: { a: 1 }, seq: 1 },
    });
    const log = await api.call(
      'GET',
      `/v1/events?channel_id=${posted.channel_id}&type=message.updated`,
    );
    expect(log.body.data).toMatchObject([
      { message_id: posted.id, payload: { text: 'hello again' } },
    ]);
  });

  test.each([
    ['slow', -300_000],
    ['fast', 300_000],
  ])(
    'come after the creation and what was changed before, where the clock of an API is 300 s %s',
    async (_, shift) => {
      const { body: posted } = await api.post(await api.channel());
      const path = `/v1/messages/${posted.id}`;
      const edit = (text: string) => api.call('PATCH', path, { body: { text } });
      const first = (await edit('by one')).body.updated_at;
      vi.useFakeTimers({ now: Date.now() + shift, toFake: ['Date'] });
      const second = (await edit('by another')).body.updated_at;
      await api.call('DELETE', path);
      vi.useRealTimers();
      const [row] = await api.database.pg<{ updated_at: Date; deleted_at: Date }[]>`
        select updated_at, deleted_at from knockon.messages where id = ${posted.id}`;
      const { updated_at, deleted_at } = row!;
      expect(deleted_at).toEqual(updated_at);
      const moments = [posted.created_at, first, second, deleted_at.toISOString()];
      expect([...moments].sort()).toEqual(moments);
      expect(deleted_at.getTime()).toBeLessThan(Date.now() + 60_000);
    },
  );

  test('metadata is replaced as a whole', async () => {
    const { body: posted } = await api.post(await api.channel(), { metadata: { a: 1, b: 2 } });
    const { body } = await api.call('PATCH', `/v1/messages/${posted.id}`, {
      body: { metadata: { c: 3 } },
    });
    expect(body.metadata).toEqual({ c: 3 });
  });

  test('a deleted message is gone from everywhere but the log, and its place is not given again', async () => {
    const channel = await api.channel();
    const { body: posted } = await api.post(channel);
    const path = `/v1/messages/${posted.id}`;
    expect((await api.call('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect((await api.call(method, path)).status).toBe(404);
    expect((await api.call('PATCH', path, { body: { text: 'x' } })).status).toBe(404);
    expect((await api.call('GET', `/v1/channels/${channel}/messages`)).body.data).toEqual([]);
    expect((await api.post(channel)).body.seq).toBe(2);
    const { body: log } = await api.call(
      'GET',
      `/v1/events?channel_id=${channel}&type=message.deleted`,
    );
    expect(log.data).toMatchObject([{ message_id: posted.id }]);
    expect(log.data[0].payload.text).toBeUndefined();
  });

  test('two deletions at once: one of them is 404, and one event is emitted', async () => {
    const { body: posted } = await api.post(await api.channel());
    const both = await Promise.all(
      [1, 2].map(() => api.call('DELETE', `/v1/messages/${posted.id}`)),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([204, 404]);
    const log = await api.call(
      'GET',
      `/v1/events?channel_id=${posted.channel_id}&type=message.deleted`,
    );
    expect(log.body.data).toHaveLength(1);
  });
});
