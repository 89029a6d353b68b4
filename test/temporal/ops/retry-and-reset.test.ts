import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { soon } from '../../harness/customer.ts';
import { useProduct } from '../../harness/running-product.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';

const product = useProduct({
  KNOCKON_WEBHOOK_ATTEMPTS: '1',
  KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8',
  // What an endpoint that is left alone has waiting is given up in seconds, not in minutes.
  KNOCKON_WEBHOOK_PROBE: '1s',
});
const pg = () => product.own.database.pg;
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

const broken = () => {
  receiver.answer = (response) => response.writeHead(500).end('out of order');
};
const mended = () => {
  receiver.requests.length = 0;
  receiver.answer = (response) => response.end();
};

/** Posts that many messages, and waits until their webhooks have been given up. */
async function deadLetters(n: number): Promise<void> {
  broken();
  for (let left = n; left > 0; left -= 50)
    await Promise.all(Array.from({ length: Math.min(50, left) }, () => product.acme.post()));
  await expect.poll(async () => (await causes())[0]?.count, soon).toBe(n);
  await expect.poll(async () => (await books()).in_flight, soon).toBe(0);
}

const causes = async () => (await product.ops('GET', 'dead_letters/causes')).body.data;

const books = async () => {
  const { subscribers } = await verifyLedger(pg());
  const sum = (pick: 'dead' | 'in_flight' | 'missing') =>
    subscribers.reduce((n, one) => n + one[pick], 0);
  return { dead: sum('dead'), in_flight: sum('in_flight'), missing: sum('missing') };
};

/** What is written down that a second time would change. */
const written = async () => {
  const [row] = await pg()`
    select (select count(*)::int from knockon.audit_entries) as audit, (select sum(messages)::int from knockon.analytics_quarters) as analytics,
      (select sum(messages)::int from knockon.channel_summaries) as cache, (select count(*)::int from knockon.receipts where subscriber <> 'webhooks') as receipts`;
  return row;
};

async function ended(id: string) {
  const read = async () => (await product.ops('GET', `jobs/${id}`)).body;
  await expect.poll(async () => (await read()).state, soon).not.toBe('running');
  return await read();
}

const sentOnceEach = (n: number) => {
  const ids = receiver.requests.map(({ event }) => event.id);
  expect({ sent: ids.length, events: new Set(ids).size }).toEqual({ sent: n, events: n });
};

describe('an endpoint that answered 500 for 200 messages', () => {
  it('leaves 200 dead letters under one cause, and one retry does them all, nothing twice', async () => {
    await deadLetters(200);
    const [cause, ...others] = await causes();
    expect(others).toEqual([]);
    expect(cause).toMatchObject({
      subscriber: 'webhooks',
      cause: 'HTTP 500',
      count: 200,
      example: { reason: expect.stringContaining('500') },
    });
    const page = (await product.ops('GET', 'dead_letters?subscriber=webhooks&limit=3')).body;
    expect(page.data).toHaveLength(3);
    expect(page.data[0]).toMatchObject({
      cause: 'HTTP 500',
      attempts: 1,
      retrying: false,
      workflow: { id: expect.any(String) },
    });
    const before = await written();

    mended();
    const { status, body } = await product.ops('POST', 'dead_letters/retry', {
      filter: { subscriber: 'webhooks', cause: 'HTTP 500' },
    });
    expect({ status, body }).toMatchObject({
      status: 202,
      body: { verb: 'retry', state: 'running', workflow: { id: `retry.${body.id}` } },
    });
    expect(await ended(body.id)).toMatchObject({
      state: 'done',
      total: 200,
      done: 200,
      failed: 0,
      failures: [],
      eta_seconds: null,
    });
    sentOnceEach(200);
    expect(await causes()).toEqual([]);
    expect(await books()).toEqual({ dead: 0, in_flight: 0, missing: 0 });
    expect(await written()).toEqual(before);
  });

  it('writes new dead letters where a retry fails, and says so', async () => {
    await deadLetters(5);
    const { body } = await product.ops('POST', 'dead_letters/retry', { filter: {} });
    const job = await ended(body.id);
    expect(job).toMatchObject({ state: 'done', total: 5, done: 0, failed: 5 });
    expect(job.failures[0]).toMatchObject({ reason: expect.stringContaining('500') });
    expect((await causes())[0].count).toBe(5);
    mended();
    const [{ id }] = (await product.ops('GET', 'dead_letters')).body.data;
    const one = await product.ops('POST', 'dead_letters/retry', { ids: [id] });
    expect(await ended(one.body.id)).toMatchObject({ total: 1, done: 1, failed: 0 });
    sentOnceEach(1);
    const rest = await product.ops('POST', 'dead_letters/retry', { filter: {} });
    expect(await ended(rest.body.id)).toMatchObject({ total: 4, done: 4, failed: 0 });
  });

  it('completes by resetting its workflows in bulk, nothing twice', async () => {
    await deadLetters(200);
    const before = await written();
    mended();
    const { body } = await product.ops('POST', 'resets', {
      filter: { subscriber: 'webhooks' },
      per_second: 1000,
    });
    const job = await ended(body.id);
    expect(job).toMatchObject({ verb: 'reset', state: 'done', failed: 0 });
    expect(job.total).toBeGreaterThan(0);
    await expect.poll(causes, soon).toEqual([]);
    sentOnceEach(200);
    expect(await written()).toEqual(before);
    expect(await books()).toEqual({ dead: 0, in_flight: 0, missing: 0 });
  });

  it('completes one workflow by one reset; refuses where there is none, or it runs', async () => {
    await deadLetters(1);
    mended();
    const [letter] = (await product.ops('GET', 'dead_letters')).body.data;
    let answer = { status: 0, body: {} };
    // It ends a moment after its last dead letter.
    const reset = async () => {
      answer = await product.ops('POST', `workflows/${letter.workflow.id}/reset`);
      return answer.status;
    };
    await expect.poll(reset, soon).toBe(200);
    expect(answer).toMatchObject({
      status: 200,
      body: { id: letter.workflow.id, run_id: expect.any(String) },
    });
    await expect.poll(causes, soon).toEqual([]);
    expect((await product.ops('POST', 'workflows/nobody/reset')).status).toBe(404);
    const { address, namespace } = product.config.temporal;
    const client = new Client({ connection: await Connection.connect({ address }), namespace });
    await client.workflow.start('onNothing', { taskQueue: 'nobody', workflowId: 'waits for ever' });
    expect(
      (await product.ops('POST', `workflows/${encodeURIComponent('waits for ever')}/reset`)).status,
    ).toBe(409);
    await client.connection.close();
  });
});

it('what is discarded is given up for good: the ledger is even, the journey and the audit chain say who and why', async () => {
  await deadLetters(3);
  const [letter] = (await product.ops('GET', 'dead_letters')).body.data;
  expect((await product.ops('POST', 'dead_letters/discard', { filter: {} })).status).toBe(422);
  expect(
    (await product.ops('POST', 'dead_letters/discard', { reason: 'nothing chosen' })).status,
  ).toBe(422);
  const { status, body } = await product.ops('POST', 'dead_letters/discard', {
    filter: {},
    reason: 'the customer has left',
  });
  expect({ status, body }).toEqual({ status: 200, body: { discarded: 3 } });
  expect(await causes()).toEqual([]);
  await expect.poll(books, soon).toEqual({ dead: 0, in_flight: 0, missing: 0 });
  const { data } = (await product.ops('GET', 'log?verb=discard')).body;
  expect(data).toMatchObject([
    { by: 'operator', reason: 'the customer has left', detail: { effects: 3 } },
  ]);
  const audited = await product.acme.get('/v1/events?type=effect.discarded');
  expect(audited.data).toHaveLength(3);
  expect(audited.data[0].payload).toMatchObject({
    subscriber: 'webhooks',
    cause: 'HTTP 500',
    by: 'operator',
    reason: 'the customer has left',
  });
  await expect
    .poll(async () => (await product.acme.get('/v1/audit/verify')).valid, soon)
    .toBe(true);
  const journey = await product.acme.get(`/v1/messages/${letter.message_id}/effects`);
  expect(
    journey.events[0].effects.find((e: { subscriber: string }) => e.subscriber === 'webhooks'),
  ).toMatchObject({
    state: 'failed',
    last_error: 'discarded by operator: the customer has left',
  });
});
