import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Customer } from '../harness/customer.ts';
import { OPERATOR, useDeployment } from '../harness/processes.ts';
import { startProxy, type TestProxy } from '../harness/proxy.ts';

const knockon = useDeployment();
let proxy: TestProxy;
let url: string;
let acme: Customer;

beforeAll(async () => {
  const { current } = knockon;
  proxy = await startProxy(current.url);
  // With a dispatcher and background work at the same database, as in production. Nobody
  // subscribes, so events wait.
  ({ url } = await current.start('api', { DATABASE_URL: proxy.url, KNOCKON_READY_AGE: '1h' }));
  acme = await Customer.at(url);
});
afterAll(() => proxy?.stop());

/** Status and how long it took, in ms. */
async function timed(path: string, init: RequestInit = {}) {
  const began = performance.now();
  const response = await fetch(new URL(path, url), init);
  await response.text();
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    ms: performance.now() - began,
  };
}

const post = () =>
  acme
    .call('POST', `/v1/channels/${acme.channelId}/messages`, { author: 'ada', text: 'hi' })
    .then(({ status }) => status);
const isReady = () => timed('/readyz').then(({ status }) => status === 200);
const settle = () =>
  expect
    .poll(async () => (await isReady()) && (await post()), { timeout: 30_000, interval: 500 })
    .toBe(201);

describe.each(['frozen', 'swallowed'] as const)(
  'while every connection to Postgres is %s',
  (trouble) => {
    it('requests get 503 within 15 s, readiness and metrics answer within 2 s, and all is well soon after', async () => {
      await settle();
      proxy.be(trouble);
      const asked = [
        ...Array.from({ length: 20 }, post),
        ...Array.from({ length: 20 }, () =>
          acme.call('GET', `/v1/channels/${acme.channelId}/messages`).then(({ status }) => status),
        ),
      ];
      const began = performance.now();
      await expect.poll(isReady, { timeout: 2500 }).toBe(false);
      for (let i = 0; i < 3; i += 1) {
        const { status, ms } = await timed('/readyz');
        expect(status).toBe(503);
        expect(ms).toBeLessThan(2500);
        expect(
          (await timed('/metrics', { headers: { authorization: `Bearer ${OPERATOR}` } })).ms,
        ).toBeLessThan(2500);
      }
      const doctor = timed('/v1/ops/doctor', { headers: { authorization: `Bearer ${OPERATOR}` } });
      expect(await Promise.all(asked)).toEqual(Array(40).fill(503));
      expect(performance.now() - began).toBeLessThan(15_000);
      expect((await doctor).ms).toBeLessThan(15_000);
      proxy.be('open');
      await settle();
    });
  },
);

it('where the old connections alone are dead, it serves by new ones in a few seconds', async () => {
  await settle();
  proxy.be('swallowed', 'what is there');
  const began = performance.now();
  await expect.poll(post, { timeout: 20_000 }).toBe(201);
  expect(performance.now() - began).toBeLessThan(15_000);
  await expect.poll(isReady, { timeout: 15_000 }).toBe(true);
});

it('where the old connections alone are dead, events are taken and operators answered as soon', async () => {
  const headers = { authorization: `Bearer ${OPERATOR}` };
  // A type that it does not know is looked for in the database.
  const emit = () =>
    acme
      .call('POST', '/v1/events/batch', { events: [{ type: 'invoice.paid', payload: {} }] })
      .then(({ status }) => status);
  const look = (path: string) => timed(path, { headers }).then(({ status }) => status);
  const looks = ['/v1/ops/doctor', '/v1/ops/subscribers', '/v1/ops/operations'].map(
    (path) => () => look(path),
  );
  const calls = [emit, ...looks];
  for (const call of calls) expect(await call()).toBe(200);
  await settle();
  proxy.be('swallowed', 'what is there');
  const began = performance.now();
  await Promise.all(calls.map((call) => expect.poll(call, { timeout: 20_000 }).toBe(200)));
  expect(performance.now() - began).toBeLessThan(15_000);
});

describe('while Postgres takes no writes', () => {
  it('requests get 503 with Retry-After, readiness says so, and sessions that stay read-only are replaced', async () => {
    await settle();
    const { database } = knockon.current;
    const name = new URL(knockon.current.url).pathname.slice(1);
    const readOnly = async (on: boolean) => {
      await database.pg.unsafe(
        `alter database ${name} set default_transaction_read_only = ${on ? 'on' : 'off'}`,
      );
      if (on)
        await database.pg`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'knockon api%'`;
    };
    await readOnly(true);
    await expect.poll(isReady).toBe(false);
    const path = `/v1/channels/${acme.channelId}/messages`;
    const headers = { authorization: `Bearer ${acme.key}`, 'content-type': 'application/json' };
    const refused = () =>
      timed(path, { method: 'POST', headers, body: JSON.stringify({ author: 'ada', text: 'hi' }) });
    await expect.poll(refused).toMatchObject({ status: 503, retryAfter: '5' });
    expect((await timed(path, { headers })).status).toBe(200);
    await readOnly(false);
    await expect.poll(post, { timeout: 10_000 }).toBe(201);
    await expect.poll(isReady, { timeout: 10_000 }).toBe(true);
  });
});
