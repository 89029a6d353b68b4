import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { newKey } from '../../../src/api/keys.ts';
import { addressReader } from '../../../src/api/limits/address.ts';
import { createLimits, type LimitOptions } from '../../../src/api/limits/index.ts';
import { memoryMeter, type Use } from '../../../src/api/limits/meter.ts';
import { freePorts } from '../../../src/local/launcher/ports.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { startProxy } from '../../harness/proxy.ts';
import { isRedisInstalled, startRedis } from '../../harness/redis.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const hour = (requests: number) => ({ requests, seconds: 3600 });

async function anApi(options: Partial<LimitOptions>) {
  const log = { warn: vi.fn(), info: vi.fn() };
  const limits = await createLimits({
    key: null,
    keyless: null,
    trustedProxies: [],
    log,
    ...options,
  });
  closing.push(limits.close);
  return { app: api.another({ limits }), log };
}

const channels = (app: typeof api.app, key: string | null = api.key) =>
  request(app, 'GET', '/v1/channels', { key });

describe('a key', () => {
  test('is told what is left of its quota, in the syntax of the IETF draft', async () => {
    const { app } = await anApi({ key: hour(3) });
    const { status, headers } = await channels(app);
    expect(status).toBe(200);
    expect(headers.get('ratelimit-policy')).toBe('"key";q=3;w=3600');
    expect(headers.get('ratelimit')).toBe('"key";r=2;t=3600');
  });

  test('is answered 429 beyond its quota, with Retry-After and the standard problem', async () => {
    const { app } = await anApi({ key: hour(2) });
    for (const remaining of [1, 0])
      expect((await channels(app)).headers.get('ratelimit')).toContain(`;r=${remaining};`);
    const { status, headers, body } = await channels(app);
    expect(status).toBe(429);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(Number(headers.get('retry-after'))).toBe(3600);
    expect(headers.get('ratelimit')).toBe('"key";r=0;t=3600');
    expect(body).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too Many Requests',
      status: 429,
      'violated-policies': ['key'],
    });
  });

  test('does not use up what another key of the same workspace has', async () => {
    const { app } = await anApi({ key: hour(1) });
    const second = (await api.call('POST', '/v1/api_keys', { body: { name: 'second' } })).body
      .api_key;
    expect([(await channels(app)).status, (await channels(app)).status]).toEqual([200, 429]);
    expect((await channels(app, second)).status).toBe(200);
  });

  test('is told the same on answers that are problems, and a message beyond the quota is not stored', async () => {
    const { app } = await anApi({ key: hour(2) });
    const id = await api.channel();
    const post = (body: unknown) =>
      request(app, 'POST', `/v1/channels/${id}/messages`, { key: api.key, body });
    const invalid = await post({ author: 'ada' });
    expect(invalid.status).toBe(422);
    expect(invalid.headers.get('ratelimit')).toBe('"key";r=1;t=3600');
    expect((await post({ author: 'ada', text: 'in' })).status).toBe(201);
    expect((await post({ author: 'ada', text: 'beyond' })).status).toBe(429);
    expect((await api.call('GET', `/v1/channels/${id}/messages`)).body.data).toHaveLength(1);
  });

  test('has a whole quota again in the next window', async () => {
    let now = 0;
    const meter = memoryMeter({ requests: 1, seconds: 60 }, () => now);
    expect(meter.take('a')).toEqual({ allowed: true, remaining: 0, resetMs: 60_000 });
    now = 59_000;
    expect(meter.take('a')).toEqual({ allowed: false, remaining: 0, resetMs: 1000 });
    now = 60_000;
    expect(meter.take('a')).toMatchObject({ allowed: true });
  });

  test("has its quota once in its first window, whenever others' windows began", () => {
    let now = 0;
    const meter = memoryMeter({ requests: 5, seconds: 1 }, () => now);
    const allowed = (name: string) =>
      Array.from({ length: 12 }, () => meter.take(name) as Use).filter((use) => use.allowed).length;
    expect(allowed('early')).toBe(5);
    now = 900;
    expect(allowed('late')).toBe(5);
    now = 1050;
    expect({ early: allowed('early'), late: allowed('late') }).toEqual({ early: 5, late: 0 });
    now = 1900;
    expect(allowed('late')).toBe(5);
  });

  test("that is the operator's has a quota too", async () => {
    const { app } = await anApi({ key: hour(1) });
    const make = () =>
      request(app, 'POST', '/v1/workspaces', { key: OPERATOR, body: { name: 'Acme' } });
    expect([(await make()).status, (await make()).status]).toEqual([201, 429]);
  });
});

test('health, readiness, metrics and documents are not limited', async () => {
  const { app } = await anApi({ key: hour(1), keyless: hour(1) });
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
    for (let i = 0; i < 3; i++)
      expect({ path, status: (await request(app, 'GET', path)).status }).toEqual({
        path,
        status: 200,
      });
  }
});

describe('whoever has no valid key', () => {
  test('may guess so often an hour, and then learns nothing more', async () => {
    const { app } = await anApi({ keyless: hour(3) });
    for (const key of ['kn_wrong', null, 'kn_other'])
      expect((await channels(app, key)).status).toBe(401);
    for (const key of ['kn_wrong', null, newKey().key]) {
      const { status, headers, body } = await channels(app, key);
      expect(status).toBe(429);
      expect(headers.get('ratelimit-policy')).toBe('"address";q=3;w=3600');
      expect(Number(headers.get('retry-after'))).toBe(3600);
      expect(body['violated-policies']).toEqual(['address']);
    }
  });

  test("can't guess the operator's key either, whichever way the guesses go", async () => {
    const { app } = await anApi({ keyless: hour(3) });
    const make = (key: string) =>
      request(app, 'POST', '/v1/workspaces', { key, body: { name: 'Acme' } });
    expect((await make(OPERATOR)).status).toBe(201);
    expect([
      (await make('a')).status,
      (await make('b')).status,
      (await channels(app, 'c')).status,
    ]).toEqual([401, 401, 401]);
    expect((await make('d')).status).toBe(429);
  });

  test('does not lock out keys of the same address that were right before', async () => {
    const { app } = await anApi({ keyless: hour(2) });
    for (let i = 0; i < 5; i++) expect((await channels(app)).status).toBe(200);
    for (let i = 0; i < 4; i++) await channels(app, 'kn_wrong');
    const { status, headers } = await channels(app);
    expect(status).toBe(200);
    expect(headers.get('ratelimit')).toBeNull();
  });

  test('is told apart by address, from the socket, or from our own proxies by what they forward', async () => {
    const reader = addressReader(['10.0.0.0/8', '::1/128']);
    const from = (remoteAddress: string | undefined, header?: string) =>
      reader({
        env: { incoming: { socket: { remoteAddress } } },
        req: { header: () => header },
      } as unknown as Parameters<typeof reader>[0]);
    expect(from('192.0.2.7', '198.51.100.1')).toBe('192.0.2.7');
    expect(from('::ffff:192.0.2.7')).toBe('192.0.2.7');
    expect(from('10.1.2.3', 'spoofed, 203.0.113.9, 198.51.100.1, 10.0.0.1')).toBe('198.51.100.1');
    expect(from('::ffff:10.1.2.3', '198.51.100.1')).toBe('198.51.100.1');
    expect(from('10.1.2.3', 'nonsense')).toBe('10.1.2.3');
    expect(from('10.1.2.3')).toBe('10.1.2.3');
    expect(from('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(from(undefined)).toBe('unknown');
  });

  test('is counted over a real socket', async () => {
    const { app } = await anApi({ keyless: hour(1) });
    const server = createAdaptorServer({ fetch: app.fetch });
    closing.push(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/channels`;
    const statuses = [(await fetch(url)).status, (await fetch(url)).status];
    expect(statuses).toEqual([401, 429]);
  });
});

describe.skipIf(!isRedisInstalled)('with Redis', () => {
  /** Two API processes, once both count in Redis. */
  async function twoApis(port: number, quota: LimitOptions['key']) {
    const redisUrl = `redis://127.0.0.1:${port}`;
    const apis = [
      await anApi({ key: quota, redisUrl }),
      await anApi({ key: quota, redisUrl }),
    ] as const;
    for (const { app, log } of apis) {
      const { api_key } = await api.workspace();
      await vi.waitFor(
        async () => {
          const before = log.warn.mock.calls.length - log.info.mock.calls.length;
          await channels(app, api_key);
          expect([before, log.warn.mock.calls.length - log.info.mock.calls.length]).toEqual([0, 0]);
        },
        { timeout: 10_000, interval: 200 },
      );
      log.warn.mockClear();
      log.info.mockClear();
    }
    return apis;
  }

  test('several API processes share a quota exactly, however many requests come at once', async () => {
    const [port] = (await freePorts(1)) as [number];
    const redis = await startRedis(port);
    closing.push(() => redis.stop());
    const [one, two] = await twoApis(port, hour(30));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => channels(i % 2 ? one.app : two.app)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(30);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(20);
    const left = answers
      .filter(({ status }) => status === 200)
      .map(({ headers }) => Number(/r=(\d+)/.exec(headers.get('ratelimit')!)?.[1]));
    expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  test('a Redis that goes away leaves each process counting for itself, says so once, and is used again when it is back', async () => {
    const [port] = (await freePorts(1)) as [number];
    let redis = await startRedis(port);
    closing.push(() => redis.stop());
    const [one, two] = await twoApis(port, hour(2));
    await redis.stop();
    const statuses = [];
    for (const app of [one.app, one.app, one.app, two.app])
      statuses.push((await channels(app)).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
    expect(one.log.warn).toHaveBeenCalledTimes(1);
    redis = await startRedis(port);
    await vi.waitFor(
      async () => {
        await channels(one.app, (await api.workspace()).api_key);
        expect(one.log.info).toHaveBeenCalledTimes(1);
      },
      { timeout: 20_000, interval: 300 },
    );
    expect((await channels(one.app)).status).toBe(200);
  });

  test('a connection to Redis that dies in silence is replaced', async () => {
    const redis = await startRedis();
    const proxy = await startProxy(redis.url);
    closing.push(proxy.stop, redis.stop);
    const [one] = await twoApis(Number(new URL(proxy.url).port), hour(2));
    proxy.be('swallowed', 'what is there');
    await channels(one.app);
    expect(one.log.warn).toHaveBeenCalledTimes(1);
    await vi.waitFor(
      async () => {
        await channels(one.app, (await api.workspace()).api_key);
        expect(one.log.info).toHaveBeenCalledTimes(1);
      },
      { timeout: 15_000, interval: 300 },
    );
  });
});

describe('KNOCKON_RATE_LIMIT', () => {
  const config = (text?: string) =>
    readConfig({
      DATABASE_URL: 'postgres://x@localhost/x',
      KNOCKON_SECRET: 's'.repeat(32),
      KNOCKON_RATE_LIMIT: text,
    });

  test.each([
    ['600/1m', { requests: 600, seconds: 60 }],
    ['50/s', { requests: 50, seconds: 1 }],
    [' 5 / 2h ', { requests: 5, seconds: 7200 }],
    ['off', null],
    [undefined, { requests: 100_000, seconds: 1 }],
  ])('reads %j', (text, quota) => expect(config(text).KNOCKON_RATE_LIMIT).toEqual(quota));

  test.each(['600', '0/1m', '600/', '600/500ms', '-1/s', '1.5/s', 'on', '600/1 fortnight'])(
    'refuses %j, and says what it must be',
    (text) =>
      expect(() => config(text)).toThrow(
        `KNOCKON_RATE_LIMIT is ${JSON.stringify(text)}: it must be requests and a window`,
      ),
  );
});
