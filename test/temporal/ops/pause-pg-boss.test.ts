import { expect, it } from 'vitest';
import { soon } from '../../harness/customer.ts';
import { effectNames } from '../../harness/effect-names.ts';
import { useProduct } from '../../harness/running-product.ts';

const product = useProduct({ KNOCKON_TRANSPORT: 'pg-boss' });
const others = effectNames.filter((name) => name !== 'search');

const status = async (name: string) => (await product.ops('GET', `subscribers/${name}`)).body;

async function receipts(subscriber: string): Promise<number> {
  const [row] = await product.own.database
    .pg`select count(*)::int as n from knockon.receipts where subscriber = ${subscriber}`;
  return row?.n;
}

const postMany = (n: number) => Promise.all(Array.from({ length: n }, () => product.acme.post()));

it('on pg-boss too a paused subscriber keeps its backlog, the others do their part, and resuming drains it', async () => {
  await expect.poll(() => receipts('audit'), soon).toBe(1);
  await expect.poll(() => receipts('webhooks'), soon).toBe(1);
  const before = await Promise.all(others.map(receipts));
  const paused = await product.ops('POST', 'subscribers/search/pause', {
    reason: 'the index is being moved',
  });
  expect(paused.body).toMatchObject({ state: 'paused', applied: true });
  await expect.poll(async () => (await status('search')).drained, soon).toBe(true);
  await postMany(100);
  await expect
    .poll(async () => Promise.all(others.map(receipts)), soon)
    .toEqual(before.map((n) => n + 100));
  expect(await status('search')).toMatchObject({ backlog: 100, workers: 1 });
  expect(await receipts('search')).toBe(0);
  await product.ops('POST', 'subscribers/search/resume');
  await expect.poll(() => receipts('search'), soon).toBe(100);
});

it('on pg-boss too a limit is of events', async () => {
  await product.ops('PUT', 'subscribers/search/limit', { per_second: 20 });
  await expect.poll(async () => (await status('search')).state, soon).toBe('limited');
  const before = await receipts('search');
  const began = Date.now();
  await postMany(100);
  await expect.poll(() => receipts('search'), soon).toBe(before + 100);
  expect(Date.now() - began).toBeGreaterThan(3500);
});
