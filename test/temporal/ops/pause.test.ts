import pino from 'pino';
import { expect, it } from 'vitest';
import { keepControls } from '../../../src/ops/controls/controls.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { chooseTransport } from '../../../src/workers/transport.ts';
import { soon } from '../../harness/customer.ts';
import { effectNames } from '../../harness/effect-names.ts';
import { useProduct } from '../../harness/running-product.ts';

const product = useProduct();
const others = effectNames.filter((name) => name !== 'search');
const pg = () => product.own.database.pg;
const log = pino({ level: 'silent' });

const status = async (name: string) => (await product.ops('GET', `subscribers/${name}`)).body;

async function receipts(subscriber: string): Promise<number> {
  const [row] =
    await pg()`select count(*)::int as n from knockon.receipts where subscriber = ${subscriber}`;
  return row?.n;
}

async function postMany(n: number): Promise<void> {
  for (let left = n; left > 0; left -= 50)
    await Promise.all(Array.from({ length: Math.min(50, left) }, () => product.acme.post()));
}

it('a paused subscriber keeps its backlog under load, the others do their part, and resuming drains it', async () => {
  await expect.poll(async () => (await status('search')).workers, soon).toBe(1);
  // The channel's own event is done by then.
  await expect.poll(() => receipts('audit'), soon).toBe(1);
  await expect.poll(() => receipts('webhooks'), soon).toBe(1);
  const before = await Promise.all(others.map(receipts));
  const paused = await product.ops('POST', 'subscribers/search/pause', {
    reason: 'the index is being moved',
  });
  expect(paused).toMatchObject({
    status: 200,
    body: {
      state: 'paused',
      applied: true,
      paused: { by: 'operator', reason: 'the index is being moved', until: null },
    },
  });
  await postMany(1000);
  await expect
    .poll(async () => Promise.all(others.map(receipts)), soon)
    .toEqual(before.map((n) => n + 1000));
  const held = await status('search');
  expect(held).toMatchObject({ state: 'paused', backlog: 1000, rate: 0 });
  expect(held.backlog_age_seconds).toBeGreaterThan(0);
  // Temporal counts its queues now and then.
  await expect.poll(async () => (await status('search')).queue.calls, soon).toBeGreaterThan(0);
  expect(await receipts('search')).toBe(0);
  expect((await product.acme.get('/v1/subscribers/search')).state).toBe('paused');

  expect((await product.ops('POST', 'subscribers/search/resume')).body).toMatchObject({
    state: 'active',
    paused: null,
    applied: true,
  });
  await expect.poll(() => receipts('search'), soon).toBe(1000);
  expect(await status('search')).toMatchObject({ backlog: 0, backlog_age_seconds: 0 });
  expect((await verifyLedger(pg(), { running: async () => new Set() })).balanced).toBe(true);
  await expect.poll(async () => (await status('search')).rate, soon).toBeGreaterThan(1);
});

it('a pause ends by itself at its time, and the log says so', async () => {
  const until = new Date(Date.now() + 3000).toISOString();
  await product.ops('POST', 'subscribers/audit/pause', { reason: 'a short one', until });
  expect((await status('audit')).paused).toMatchObject({ until });
  await expect.poll(async () => (await status('audit')).state, soon).toBe('active');
  const { data } = (await product.ops('GET', 'log?subject=audit')).body;
  expect(data).toMatchObject([
    { verb: 'resume', by: 'knockon', reason: 'it was paused until this time' },
    { verb: 'pause', by: 'operator', reason: 'a short one', detail: { until } },
  ]);
});

it('what Temporal has forgotten is brought back', async () => {
  const { queues, transport } = await chooseTransport(product.config, product.own.database, log);
  await product.ops('POST', 'subscribers/cache/pause', { reason: 'a test' });
  await queues.setRate('effects.cache', null, { identity: 'somebody else', reason: 'forgotten' });
  await keepControls({ database: product.own.database, queues }, log);
  expect(await queues.describe('effects.cache')).toMatchObject({ rate: 0 });
  await product.ops('POST', 'subscribers/cache/resume');
  expect(await queues.describe('effects.cache')).toMatchObject({ rate: null });
  await transport.close();
});

it('a limit is of events, not of calls: what is dispatched under it takes its time', async () => {
  await product.ops('PUT', 'subscribers/analytics/limit', { per_second: 20 });
  expect(await status('analytics')).toMatchObject({
    state: 'limited',
    per_second: 20,
    applied: true,
  });
  const before = await receipts('analytics');
  const began = Date.now();
  await postMany(100);
  await expect.poll(() => receipts('analytics'), soon).toBe(before + 100);
  expect(Date.now() - began).toBeGreaterThan(3500);
  expect(
    (await product.ops('PUT', 'subscribers/analytics/limit', { per_second: null })).body,
  ).toMatchObject({
    state: 'active',
    applied: true,
  });
});

it('a drained subscriber says so once nothing of it runs, and its worker can go', async () => {
  const drained = await product.ops('POST', 'subscribers/webhooks/drain', {
    reason: 'a new version',
  });
  expect(drained).toMatchObject({ status: 200, body: { state: 'paused' } });
  await expect.poll(async () => (await status('webhooks')).drained, soon).toBe(true);
  await product.ops('POST', 'subscribers/webhooks/resume');
  expect(await status('webhooks')).toMatchObject({ state: 'active', drained: false });
});

it('more workers of one effect are seen, with the versions they run', async () => {
  expect((await status('search')).processes).toMatchObject([{ version: '0.2.0', running: 0 }]);
  await pg()`insert into knockon.workers (identity, kind, version, host, pid, effects)
    values ('1@elsewhere/effects', 'effects', '0.3.0', 'elsewhere', 1, ${pg().json({ search: { concurrency: 50, running: 3 } })})`;
  expect(await status('search')).toMatchObject({ workers: 2, versions: ['0.2.0', '0.3.0'] });
  await pg()`update knockon.workers set seen_at = now() - interval '1 minute' where host = 'elsewhere'`;
  expect(await status('search')).toMatchObject({ workers: 1 });
});
