import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { cache } from '../../../src/activities/cache/index.ts';
import { RedisSummaries } from '../../../src/activities/cache/redis.ts';
import { postgresSummaries } from '../../../src/activities/cache/summaries.ts';
import type { SummaryStore } from '../../../src/activities/cache/summary.ts';
import { freshDatabase } from '../../harness/database.ts';
import { startProxy } from '../../harness/proxy.ts';
import { isRedisInstalled, startRedis, type TestRedis } from '../../harness/redis.ts';
import { deliver, startConversation } from './conversation.ts';

describe.skipIf(!isRedisInstalled)('summaries in Redis', () => {
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  let redis: TestRedis;
  let peek: Redis;
  let port: number;
  let summaries: SummaryStore;
  const key = (channelId: string) => `knockon:summary:${channelId}`;

  beforeAll(async () => {
    fresh = await freshDatabase();
    redis = await startRedis();
    port = redis.port;
    peek = new Redis(port, '127.0.0.1');
    peek.on('error', () => {});
    summaries = new RedisSummaries({
      url: `redis://127.0.0.1:${port}`,
      rows: postgresSummaries(fresh.database.db),
    });
    // A store reads past a Redis that it is not connected to yet.
    const talk = await startConversation(fresh.database);
    await talk.post('hello');
    await deliver(fresh.database, cache({ summaries }), await talk.events());
  });
  afterAll(async () => {
    await summaries?.close();
    peek?.disconnect();
    await redis?.stop();
    await fresh?.close();
  });

  async function talkOnce(text: string) {
    const talk = await startConversation(fresh.database);
    await talk.post(text);
    await deliver(fresh.database, cache({ summaries }), await talk.events());
    return talk;
  }

  test('the effect writes the copy, and the copy is what is served', async () => {
    const { channelId } = await talkOnce('hello');
    const copy = JSON.parse((await peek.get(key(channelId))) ?? 'null');
    expect(copy).toEqual(await postgresSummaries(fresh.database.db).get(channelId));
    await peek.set(key(channelId), JSON.stringify({ ...copy, messages: 77 }));
    expect((await summaries.get(channelId))?.messages).toBe(77);
  });

  test('a missing copy is answered from Postgres and made again', async () => {
    const { channelId } = await talkOnce('hello');
    await peek.del(key(channelId));
    expect(await summaries.get(channelId)).toMatchObject({
      messages: 1,
      last_message: { text: 'hello' },
    });
    expect(await peek.ttl(key(channelId))).toBeGreaterThan(0);
  });

  test('a damaged copy is answered from Postgres', async () => {
    const { channelId } = await talkOnce('hello');
    await peek.set(key(channelId), '{"channel_id":');
    expect(await summaries.get(channelId)).toMatchObject({ messages: 1 });
  });

  test('groups at once leave the copy that the last of them wrote', async () => {
    const talk = await startConversation(fresh.database);
    await Promise.all(Array.from({ length: 200 }, (_, i) => talk.post(`text ${i}`)));
    const events = await talk.events();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        deliver(
          fresh.database,
          cache({ summaries }),
          events.filter((_, n) => n % 20 === i),
        ),
      ),
    );
    expect(JSON.parse((await peek.get(key(talk.channelId))) ?? 'null')).toMatchObject({
      messages: 200,
      last_message: { seq: 200 },
    });
  });

  test('of a Redis that is silent the first to read waits for a second, the others not at all, and a connection that is dead is made anew', async () => {
    const talk = await talkOnce('before');
    const proxy = await startProxy(redis.url);
    const behind = new RedisSummaries({
      url: proxy.url,
      rows: postgresSummaries(fresh.database.db),
    });
    await expect
      .poll(() => behind.put([]).then(() => behind.get(talk.channelId)))
      .toMatchObject({ messages: 1 });
    await peek.set(key(talk.channelId), JSON.stringify({ messages: 77 }));
    await expect.poll(async () => (await behind.get(talk.channelId))?.messages).toBe(77);

    proxy.be('swallowed', 'what is there');
    const began = performance.now();
    expect(await behind.get(talk.channelId)).toMatchObject({ messages: 1 });
    for (let i = 0; i < 20; i += 1)
      expect(await behind.get(talk.channelId)).toMatchObject({ messages: 1 });
    await expect(behind.put([])).rejects.toMatchObject({ code: 'CONNECTION_REDIS' });
    expect(performance.now() - began).toBeLessThan(4000);

    // Nobody mends that connection; another one is open.
    await expect
      .poll(async () => (await behind.get(talk.channelId))?.messages, { timeout: 15_000 })
      .toBe(77);
    await behind.close();
    await proxy.stop();
  });

  test('while Redis is away Postgres answers, the effect fails and leaves nothing half done, and both recover', async () => {
    const talk = await talkOnce('before');
    await redis.stop();
    try {
      expect(await summaries.get(talk.channelId)).toMatchObject({
        messages: 1,
        last_message: { text: 'before' },
      });
      await talk.post('meanwhile');
      const next = (await talk.events()).filter((event) => event.payload.text === 'meanwhile');
      await expect(deliver(fresh.database, cache({ summaries }), next)).rejects.toThrow();
      expect(await summaries.get(talk.channelId)).toMatchObject({
        messages: 1,
        last_message: { text: 'before' },
      });
      redis = await startRedis(port);
      await vi.waitFor(() => deliver(fresh.database, cache({ summaries }), next), {
        timeout: 10_000,
      });
      expect(await summaries.get(talk.channelId)).toMatchObject({
        messages: 2,
        last_message: { text: 'meanwhile' },
      });
    } finally {
      if (!redis.isRunning()) redis = await startRedis(port);
    }
  });
});
