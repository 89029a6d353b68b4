import { afterEach, expect, it, vi } from 'vitest';
import type { Told } from '../../src/ops/live.ts';
import type { Sample } from '../../src/ops/sample.ts';
import { OPERATOR, request, useApi } from '../api/api.ts';

const api = useApi();
afterEach(() => void vi.useRealTimers());

const sample: Sample = { at: '2026-01-01T00:00:00.000Z', messages_per_second: 3, undispatched_seconds: 0, subscribers: [] };

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
  const { body: made } = await api.call('POST', '/v1/ops/operators', { key: OPERATOR, body: { name: 'vera', role: 'viewer' } });
  const signed = await request(api.app, 'POST', '/console/session', { body: { key: made.api_key }, headers: { 'knockon-console': '1' } });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const live = aLive();
  const { reader, next } = await listenTo(live, { cookie: signed.headers.get('set-cookie')!.split(';')[0]! });
  await next();
  await next();
  vi.advanceTimersByTime(10_000);
  expect(await next()).toBe(': still here\n\n');
  await api.call('DELETE', `/v1/ops/operators/${made.id}`, { key: OPERATOR });
  vi.advanceTimersByTime(10_000);
  expect(await next()).toBe(': still here\n\n');
  expect((await reader.read()).done).toBe(true);
});
