import { afterAll, beforeAll, expect, it } from 'vitest';
import { soon } from '../../harness/customer.ts';
import { useProduct } from '../../harness/running-product.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';
import { misfits } from './misfits.ts';

const product = useProduct({
  KNOCKON_TRANSPORT: 'pg-boss',
  KNOCKON_WEBHOOK_ATTEMPTS: '1',
  KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8',
  KNOCKON_WEBHOOK_FAILURES: '0',
});
let receiver: Receiver;

beforeAll(async () => {
  receiver = await Receiver.start();
  const { body } = await product.acme.call('POST', '/v1/endpoints', {
    url: receiver.url(),
    event_types: ['message.created'],
  });
  receiver.secret = body.secret;
});
afterAll(() => receiver?.stop());

async function ended(id: string) {
  const read = async () => (await product.ops('GET', `jobs/${id}`)).body;
  await expect.poll(async () => (await read()).state, soon).not.toBe('running');
  return await read();
}

const letters = async () => (await product.ops('GET', 'dead_letters')).body.data;

it('on pg-boss too one retry does what was given up, nothing twice, and there is nothing to be reset', async () => {
  receiver.answer = (response) => response.writeHead(500).end();
  await Promise.all(Array.from({ length: 30 }, () => product.acme.post()));
  await expect.poll(async () => (await letters()).length, soon).toBe(30);
  receiver.requests.length = 0;
  receiver.answer = (response) => response.end();
  expect((await product.ops('POST', 'resets', { filter: {} })).status).toBe(409);
  expect((await product.ops('POST', 'workflows/any/reset')).status).toBe(409);
  const { status, body } = await product.ops('POST', 'dead_letters/retry', {
    filter: { subscriber: 'webhooks' },
  });
  expect({ status, body }).toMatchObject({ status: 202, body: { workflow: null } });
  expect(await ended(body.id)).toMatchObject({
    state: 'done',
    total: 30,
    done: 30,
    failed: 0,
    workflow: null,
  });
  expect(receiver.requests).toHaveLength(30);
  expect(await letters()).toEqual([]);
});

it('on pg-boss too a replay reckons anew what may be, and can be held up', async () => {
  await product.own.database.pg`update knockon.search_documents set document = null`;
  const { body } = await product.ops('POST', 'replays', { subscriber: 'search', per_second: 10 });
  await expect
    .poll(async () => (await product.ops('GET', `jobs/${body.id}`)).body.done, soon)
    .toBeGreaterThan(0);
  expect((await product.ops('POST', `jobs/${body.id}/pause`)).body.state).toBe('paused');
  expect((await product.ops('POST', `jobs/${body.id}/resume`)).body.state).toBe('running');
  expect(await ended(body.id)).toMatchObject({ state: 'done', total: 30, done: 30 });
  const [row] = await product.own.database
    .pg`select count(*)::int as n from knockon.search_documents where document is null`;
  expect(row?.n).toBe(0);
});

misfits(product);
