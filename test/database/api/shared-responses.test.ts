import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Gauge, Registry } from 'prom-client';
import { describe, expect, test, vi } from 'vitest';
import { cachedFor } from '../../../src/api/cached-for.ts';
import * as documents from '../../../src/api/openapi.ts';
import { createHealthApp } from '../../../src/api/routes/health.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();

const raw = async (path: string, headers: Record<string, string> = {}) => {
  const response = await api.app.request(path, { headers });
  return {
    status: response.status,
    headers: response.headers,
    body: Buffer.from(await response.arrayBuffer()),
  };
};

const open = [
  '/openapi.json',
  '/docs',
  '/docs/start.js',
  '/docs/swagger-ui.css',
  '/docs/swagger-ui-bundle.js',
  '/metrics',
];

describe('what is the same for everybody', () => {
  test.each(open)('%s is compressed as the client takes it', async (path) => {
    const plain = await raw(path);
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('vary')).toBe('accept-encoding');
    const codings: [string, string | null, (body: Buffer) => Buffer][] = [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
      ['gzip;q=0, *', 'br', brotliDecompressSync],
      ['gzip;q=0', null, (body) => body],
      ['deflate', null, (body) => body],
    ];
    for (const [accepted, coding, decode] of codings) {
      const { headers, body } = await raw(path, { 'accept-encoding': accepted });
      expect([accepted, headers.get('content-encoding')]).toEqual([accepted, coding]);
      if (path !== '/metrics') expect(decode(body).equals(plain.body)).toBe(true);
    }
  });

  test.each(open.filter((path) => path !== '/metrics'))(
    '%s is not sent again to who has it',
    async (path) => {
      for (const coding of ['br', 'gzip', 'identity']) {
        const etag = (await raw(path, { 'accept-encoding': coding })).headers.get('etag')!;
        for (const header of [etag, `"other", W/${etag}`, '*']) {
          const { status, body, headers } = await raw(path, {
            'if-none-match': header,
            'accept-encoding': coding,
          });
          expect([status, body.length, headers.get('etag')]).toEqual([304, 0, etag]);
        }
      }
      expect((await raw(path, { 'if-none-match': '"other"' })).status).toBe(200);
    },
  );

  test('the document is made once', async () => {
    const described = vi.spyOn(documents, 'describeApi');
    const app = api.another();
    await Promise.all(Array.from({ length: 20 }, async () => await app.request('/openapi.json')));
    expect(described).toHaveBeenCalledTimes(1);
  });
});

describe('metrics', () => {
  test('are collected once for those who scrape at once', async () => {
    const collect = vi.fn();
    const metrics = new Registry();
    new Gauge({ name: 'looked', help: 'Counts looks.', registers: [metrics], collect });
    const app = api.another({ metrics });
    await Promise.all(Array.from({ length: 50 }, async () => await app.request('/metrics')));
    expect(collect).toHaveBeenCalledTimes(1);
    await expect
      .poll(async () => (await app.request('/metrics')) && collect.mock.calls.length)
      .toBe(2);
  });

  test("ask for an operator's key where strangers reach the API, a viewer's too", async () => {
    const { body: viewer } = await api.call('POST', '/v1/ops/operators', {
      key: OPERATOR,
      body: { name: 'prometheus', role: 'viewer' },
    });
    const app = api.another({ openMetrics: false });
    for (const [key, status] of [
      [null, 401],
      [api.key, 401],
      [OPERATOR, 200],
      [viewer.api_key, 200],
    ] as const)
      expect((await request(app, 'GET', '/metrics', { key })).status).toBe(status);
    for (const path of ['/healthz', '/readyz'])
      expect((await request(app, 'GET', path)).status).toBe(200);
  });

  test('have an app of their own with health and readiness, and nothing else', async () => {
    const deps = { readiness: async () => ({ ok: true, detail: {} }), log: console as never };
    const app = createHealthApp(deps);
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect((await app.request(path)).status).toBe(200);
    for (const path of ['/v1/channels', '/docs', '/console', '/v1/workspaces'])
      expect((await app.request(path)).status).toBe(404);
  });
});

test('what is shared is made once in its time, and a failure is told and not kept', async () => {
  const make = vi.fn(async () => 'made');
  const get = cachedFor(60_000, make);
  expect(await Promise.all([get(), get()])).toEqual(['made', 'made']);
  expect(await get()).toBe('made');
  expect(make).toHaveBeenCalledTimes(1);
  const failing = vi.fn().mockRejectedValueOnce(new Error('away')).mockResolvedValue('back');
  const again = cachedFor(60_000, failing);
  const waited = await Promise.allSettled([again(), again()]);
  expect(waited.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await again()).toBe('back');
  expect(failing).toHaveBeenCalledTimes(2);
});

describe('a request with very many errors', () => {
  const bodyOf = async (path: string, body: unknown, method = 'POST') => {
    const answer = await api.call(method, path, {
      key: path.startsWith('/v1/ops') ? OPERATOR : api.key,
      body,
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.length).toBeLessThanOrEqual(20);
    expect(JSON.stringify(answer.body).length).toBeLessThan(16_000);
    return answer.body;
  };

  test('is told the first 20 and how many there are', async () => {
    const bad = await bodyOf('/v1/ops/dead_letters/retry', {
      ids: Array.from({ length: 1000 }, () => 1),
    });
    expect(bad.errors).toHaveLength(20);
    expect(bad.detail).toContain('The first 20 of 1000 errors are listed.');
    const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 1]));
    expect((await bodyOf('/v1/channels', { name: 'a', ...unknown })).detail).toContain(
      'The first 20 of 20000 errors',
    );
  });

  test('is answered shortly, however long the names and lists are', async () => {
    await bodyOf('/v1/channels', { name: 'a', ['x'.repeat(200_000)]: 1 });
    await bodyOf('/v1/ops/dead_letters/retry', { ids: Array.from({ length: 100_000 }, () => 1) });
    await bodyOf('/v1/endpoints', {
      url: 'https://example.com',
      event_types: Array.from({ length: 100_000 }, () => 1),
    });
    await bodyOf('/v1/channels', '['.repeat(130_000) + ']'.repeat(130_000));
    await bodyOf(
      '/v1/channels',
      `{"name":"a \\"[[[","x":${'{"a":'.repeat(40_000)}1${'}'.repeat(40_001)}`,
    );
  });
});

test('a body is nested too deep by its brackets, and not by what its strings say', async () => {
  const id = await api.channel();
  const text = `${'['.repeat(20_000)}"\\`;
  expect((await api.post(id, { text })).status).toBe(201);
});
