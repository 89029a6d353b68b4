import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createKeyring, newKey } from '../../../src/api/keys.ts';
import { createLimits, type LimitOptions } from '../../../src/api/limits/index.ts';
import { createLookup } from '../../../src/api/lookup.ts';
import { checkProxies } from '../../../src/ops/doctor/diagnose.ts';
import type { DoctorContext } from '../../../src/ops/doctor/finding.ts';
import { isRedisInstalled, startRedis } from '../../harness/redis.ts';
import { OPERATOR, request, type TestApi, useApi } from './test-api.ts';

const api = useApi();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const minute = (requests: number) => ({ requests, seconds: 60 });
const page = { 'knockon-console': '1' };

async function anApi(options: Partial<LimitOptions> = {}) {
  const log = { warn: vi.fn(), info: vi.fn() };
  const limits = await createLimits({
    key: null,
    keyless: minute(20),
    trustedProxies: [],
    log,
    ...options,
  });
  closing.push(limits.close);
  return { app: api.another({ limits }), log, limits };
}

const channels = (app: TestApi['app'], key: string | null) =>
  request(app, 'GET', '/v1/channels', { key });
const signIn = (app: TestApi['app'], key: string) =>
  request(app, 'POST', '/console/session', { body: { key }, headers: page });

/** Wrong keys of every form, everywhere, until that address may not guess any more. */
async function guess(app: TestApi['app'], times: number): Promise<void> {
  const one = (i: number) =>
    [
      () => channels(app, newKey().key),
      () => channels(app, `guess-${i}`),
      () => channels(app, null),
      () => request(app, 'GET', '/v1/ops/log', { key: newKey().key }),
      () => request(app, 'POST', '/v1/workspaces', { key: `guess-${i}`, body: { name: 'Acme' } }),
      () => signIn(app, newKey().key),
      () =>
        request(app, 'GET', '/v1/ops/session', {
          headers: { cookie: `knockon_session=guess-${i}` },
        }),
    ][i % 7]!();
  await Promise.all(Array.from({ length: times }, (_, i) => one(i)));
  expect((await channels(app, newKey().key)).status).toBe(429);
}

/** Whoever has the right to, by each way in, in one process. */
async function expectAllLetIn(app: TestApi['app'], operatorsOwn: string): Promise<void> {
  const workspace = await request(app, 'POST', '/v1/workspaces', {
    key: OPERATOR,
    body: { name: 'Acme' },
  });
  expect(workspace.status).toBe(201);
  expect((await channels(app, workspace.body.api_key)).status).toBe(200);
  for (const key of [OPERATOR, operatorsOwn]) {
    const signed = await signIn(app, key);
    expect(signed.status).toBe(201);
    const cookie = signed.headers.get('set-cookie')!.split(';')[0]!;
    for (const headers of [{ cookie }, { authorization: `Bearer ${key}` }] as Record<
      string,
      string
    >[])
      expect((await request(app, 'GET', '/v1/ops/log', { headers })).status).toBe(200);
  }
}

let names = 0;
const anOperator = async (): Promise<string> =>
  (
    await api.call('POST', '/v1/ops/operators', {
      key: OPERATOR,
      body: { name: `operator ${++names}`, role: 'operator' },
    })
  ).body.api_key;

describe('whoever has the right to is let in by an address from which 1,000 wrong keys came', () => {
  test('with the operator’s key, a session, signing in, an operator’s own key and a workspace’s key that is new', async () => {
    const { app } = await anApi();
    await guess(app, 1000);
    await expectAllLetIn(app, await anOperator());
  });

  test('while the guesses come', async () => {
    const { app } = await anApi();
    const own = await anOperator();
    await Promise.all([guess(app, 1000), expectAllLetIn(app, own), expectAllLetIn(app, own)]);
  });

  test.skipIf(!isRedisInstalled)('in every process, where they share what is counted', async () => {
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const [one, two] = [await anApi({ redisUrl: redis.url }), await anApi({ redisUrl: redis.url })];
    const refused = async () => {
      // The first are counted by the process itself, until its connection to Redis is there.
      await guess(one.app, 500);
      expect((await channels(two.app, newKey().key)).status).toBe(429);
    };
    await vi.waitFor(refused, { timeout: 20_000 });
    const own = await anOperator();
    for (const { app } of [one, two]) await expectAllLetIn(app, own);
  });

  test('and a right key uses up nothing of what the address may fail', async () => {
    const { app } = await anApi({ keyless: minute(1) });
    for (let i = 0; i < 5; i += 1) await expectAllLetIn(app, await anOperator());
    expect((await channels(app, newKey().key)).status).toBe(401);
    expect((await channels(app, newKey().key)).status).toBe(429);
  });
});

describe('guesses cost the database little', () => {
  test('a key of another form is wrong without a look', async () => {
    const asked = vi.spyOn(api.database.db, 'execute');
    const keyring = createKeyring(api.database);
    for (const key of [
      'wrong',
      'kn_wrong',
      `${newKey().key}x`,
      newKey().key.replace('kn_', 'kx_'),
      `kn_${'ä'.repeat(43)}`,
    ])
      expect(await keyring.find(key)).toBeUndefined();
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  test('1,000 that come at once take a few statements, and one that is repeated takes one', async () => {
    const asked = vi.spyOn(api.database.db, 'execute');
    const keyring = createKeyring(api.database);
    const [right, repeated] = [(await api.workspace()).api_key, newKey().key];
    const guesses = Array.from({ length: 1000 }, () => keyring.find(newKey().key));
    expect(await keyring.find(right)).toMatchObject({ workspaceId: expect.any(String) });
    expect((await Promise.all(guesses)).filter(Boolean)).toEqual([]);
    expect(asked.mock.calls.length).toBeLessThanOrEqual(4);
    asked.mockClear();
    for (let i = 0; i < 50; i += 1) expect(await keyring.find(repeated)).toBeUndefined();
    expect(asked).toHaveBeenCalledTimes(1);
    asked.mockRestore();
  });

  test('two statements run at most, what waits is bounded, and a failure is told to those who asked alone', async () => {
    let fail: (error: Error) => void = () => {};
    const find = vi.fn(() => new Promise<Map<string, string>>((_, reject) => (fail = reject)));
    const lookUp = createLookup(find);
    const asked = Array.from({ length: 12_000 }, (_, i) =>
      lookUp(String(i)).catch((error: Error) => error.message),
    );
    expect(await asked[11_999]).toContain('Too many keys');
    await vi.waitFor(() => expect(find).toHaveBeenCalledTimes(2));
    fail(new Error('away'));
    expect(await Promise.race(asked.slice(0, 1000))).toBe('away');
  });

  test('who waits behind two statements that are not answered is told that the database is away', async () => {
    const find = vi.fn(() => new Promise<Map<string, string>>(() => {}));
    const lookUp = createLookup(find);
    for (const [i, name] of ['one', 'two'].entries()) {
      lookUp(name).catch(() => {});
      await vi.waitFor(() => expect(find).toHaveBeenCalledTimes(i + 1));
    }
    await expect(lookUp('three')).rejects.toMatchObject({
      status: 503,
      message: 'The database is away; try again in a moment.',
      options: { type: 'database-away' },
    });
  });
});

describe('a proxy that KNOCKON_TRUSTED_PROXIES does not name', () => {
  async function served(options: Partial<LimitOptions>) {
    const made = await anApi(options);
    const server = createAdaptorServer({ fetch: made.app.fetch });
    closing.push(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
    return { ...made, forward: () => fetch(url, { headers: { 'x-forwarded-for': '192.0.2.7' } }) };
  }

  const found = (unnamedProxy: () => string | null) =>
    checkProxies({ unnamedProxy } as DoctorContext);

  test('is warned of once, and told of by the doctor', async () => {
    const { forward, log, limits } = await served({});
    expect(await found(limits.proxies.unnamed)).toEqual([]);
    for (let i = 0; i < 3; i += 1) await forward();
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(log.warn).toHaveBeenCalledWith(
      expect.objectContaining({ proxy: '127.0.0.1' }),
      expect.stringContaining('KNOCKON_TRUSTED_PROXIES'),
    );
    expect(JSON.stringify(log.warn.mock.calls)).not.toContain('192.0.2.7');
    expect(await found(limits.proxies.unnamed)).toMatchObject([
      { check: 'proxies', ok: false, detail: expect.stringContaining('127.0.0.1') },
    ]);
  });

  test('is none where it is named', async () => {
    const { forward, log, limits } = await served({ trustedProxies: ['127.0.0.0/8'] });
    await forward();
    expect(log.warn).not.toHaveBeenCalled();
    expect(limits.proxies.unnamed()).toBeNull();
  });
});
