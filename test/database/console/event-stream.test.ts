import { connect } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import type { Told } from '../../../src/ops/status/live.ts';
import type { Sample } from '../../../src/ops/status/sample.ts';
import { serve } from '../../../src/workers/process/http-server.ts';
import { OPERATOR, request, useApi } from '../api/test-api.ts';

const api = useApi();
afterEach(() => void vi.useRealTimers());

const sample: Sample = {
  at: '2026-01-01T00:00:00.000Z',
  messages_per_second: 3,
  undispatched_seconds: 0,
  subscribers: [],
};

/** What is live, told by the test. */
function aLive() {
  const viewers = new Set<(told: Told) => void>();
  const watch = (viewer: (told: Told) => void) => {
    viewers.add(viewer);
    return { recent: [sample], stop: () => void viewers.delete(viewer) };
  };
  const tell = (told: Told) => {
    for (const viewer of viewers) viewer(told);
  };
  return { watch, tell, viewers };
}

async function listenTo(live: ReturnType<typeof aLive>, headers: Record<string, string>) {
  const response = await api.another({ live }).request('/v1/ops/stream', { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return { reader, next: async () => (await reader.read()).value };
}

const asOperator = { authorization: `Bearer ${OPERATOR}` };

it('begins with what is known, tells each sample and each trouble, and ends when the process stops', async () => {
  const live = aLive();
  const { next } = await listenTo(live, asOperator);
  expect(await next()).toBe('retry: 1000\n\n');
  expect(await next()).toBe(`event: recent\ndata: ${JSON.stringify([sample])}\n\n`);
  live.tell({ sample });
  expect(await next()).toBe(`event: sample\ndata: ${JSON.stringify(sample)}\n\n`);
  live.tell({ trouble: 'The database does not answer.' });
  expect(await next()).toBe('event: trouble\ndata: {"detail":"The database does not answer."}\n\n');
  live.tell({ end: true });
  expect(await next()).toBeUndefined();
  expect(live.viewers.size).toBe(0);
});

it('tells nobody who has left, and keeps little for who does not listen', async () => {
  const live = aLive();
  const { reader } = await listenTo(live, asOperator);
  for (let i = 0; i < 1000; i += 1) live.tell({ sample });
  await reader.cancel();
  await expect.poll(() => live.viewers.size).toBe(0);
  live.tell({ sample });
});

it('ends for whoever may not listen any more', async () => {
  const { body: made } = await api.call('POST', '/v1/ops/operators', {
    key: OPERATOR,
    body: { name: 'vera', role: 'viewer' },
  });
  const signed = await request(api.app, 'POST', '/console/session', {
    body: { key: made.api_key },
    headers: { 'knockon-console': '1' },
  });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const live = aLive();
  const { reader, next } = await listenTo(live, {
    cookie: signed.headers.get('set-cookie')!.split(';')[0]!,
  });
  await next();
  await next();
  vi.advanceTimersByTime(10_000);
  expect(await next()).toBe(': still here\n\n');
  await api.call('DELETE', `/v1/ops/operators/${made.id}`, { key: OPERATOR });
  vi.advanceTimersByTime(10_000);
  expect(await next()).toBe(': still here\n\n');
  expect((await reader.read()).done).toBe(true);
});

it('is nothing that HEAD begins', async () => {
  const live = aLive();
  const app = api.another({ live });
  for (let i = 0; i < 2000; i += 1) {
    const head = await app.request('/v1/ops/stream', { method: 'HEAD', headers: asOperator });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toBe('text/event-stream');
  }
  expect(live.viewers.size).toBe(0);
});

it('is had ten times by an operator at once, and again when one has ended; others have theirs', async () => {
  const live = aLive();
  const app = api.another({ live });
  const { body: made } = await api.call('POST', '/v1/ops/operators', {
    key: OPERATOR,
    body: { name: 'otto', role: 'viewer' },
  });
  const open = async (headers: Record<string, string>) =>
    await app.request('/v1/ops/stream', { headers });
  const streams = await Promise.all(Array.from({ length: 12 }, () => open(asOperator)));
  const [open10, refused] = [
    streams.filter(({ status }) => status === 200),
    streams.filter(({ status }) => status === 429),
  ];
  expect([open10.length, refused.length, live.viewers.size]).toEqual([10, 2, 10]);
  expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await open({ authorization: `Bearer ${made.api_key}` })).status).toBe(200);
  await open10[0]!.body!.cancel();
  expect((await open(asOperator)).status).toBe(200);
  expect((await open(asOperator)).status).toBe(429);
});

it('is had 200 times by a process', async () => {
  const live = aLive();
  const app = api.another({ live });
  const statuses = [];
  for (let i = 0; i < 21; i += 1) {
    const name = `one of many ${i}`;
    const { body } = await api.call('POST', '/v1/ops/operators', {
      key: OPERATOR,
      body: { name, role: 'viewer' },
    });
    for (let n = 0; n < 10; n += 1)
      statuses.push(
        (
          await app.request('/v1/ops/stream', {
            headers: { authorization: `Bearer ${body.api_key}` },
          })
        ).status,
      );
  }
  expect(statuses).toEqual([...Array<number>(200).fill(200), ...Array<number>(10).fill(503)]);
  expect(live.viewers.size).toBe(200);
});

/** Opens the stream by a socket of its own. */
async function dial(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `GET /v1/ops/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${OPERATOR}\r\n\r\n`,
  );
  return socket;
}

it('forgets who goes away, with a word or without', async () => {
  const live = aLive();
  const serving = await serve(api.another({ live }).fetch, { host: '127.0.0.1', port: 0 });
  const sockets = await Promise.all(Array.from({ length: 10 }, () => dial(serving.url)));
  await expect.poll(() => live.viewers.size).toBe(10);
  for (const [i, socket] of sockets.entries()) i % 2 ? socket.resetAndDestroy() : socket.end();
  await expect.poll(() => live.viewers.size).toBe(0);
  await serving.close(0);
});

it('ends after five minutes, with the word to come again', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  const live = aLive();
  const { next } = await listenTo(live, asOperator);
  await next();
  await next();
  const said: (string | undefined)[] = [];
  do {
    vi.advanceTimersByTime(10_000);
    said.push(await next());
  } while (said.at(-1) !== undefined);
  expect(said).toHaveLength(31);
  expect(said.at(-2)).toBe('event: renew\ndata: {}\n\n');
  expect(live.viewers.size).toBe(0);
});

it('cuts off who takes nothing for half a minute, and keeps little for them until then', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const live = aLive();
  const serving = await serve(api.another({ live }).fetch, { host: '127.0.0.1', port: 0 });
  const socket = await dial(serving.url);
  await expect.poll(() => live.viewers.size).toBe(1);
  socket.pause();
  const large: Sample = { ...sample, at: 'x'.repeat(1_000_000) };
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i += 1) {
    live.tell({ sample: large });
    await new Promise(setImmediate);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
  for (let i = 0; i < 3; i += 1) vi.advanceTimersByTime(10_000);
  expect(live.viewers.size).toBe(0);
  vi.useRealTimers();
  await serving.close(0);
  socket.destroy();
});
