import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { retry } from '../../../src/activities/runtime/outcomes.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { hostEffects } from '../../../src/workers/host-effects.ts';
import { createLog, ShutdownStack } from '../../../src/workers/process/process.ts';
import { all, soon } from '../../harness/customer.ts';
import { useProduct } from '../../harness/running-product.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';
import { misfits } from './misfits.ts';

const product = useProduct({ KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8', KNOCKON_WEBHOOK_FAILURES: '0' });
const pg = () => product.own.database.pg;
let receiver: Receiver;
const started = new ShutdownStack();

beforeAll(async () => {
  receiver = await Receiver.start();
  const { body } = await product.acme.call('POST', '/v1/endpoints', {
    url: receiver.url(),
    event_types: ['message.created'],
  });
  receiver.secret = body.secret;
});
afterAll(async () => {
  await started.stop();
  await receiver?.stop();
});

async function post(n: number): Promise<void> {
  for (let left = n; left > 0; left -= 50)
    await Promise.all(Array.from({ length: Math.min(50, left) }, () => product.acme.post()));
}

async function settled(): Promise<void> {
  await expect
    .poll(async () => {
      const { subscribers, undispatched } = await verifyLedger(pg());
      return undispatched.count + subscribers.reduce((n, one) => n + one.in_flight, 0);
    }, soon)
    .toBe(0);
}

async function begun(path: string, given: unknown): Promise<string> {
  const { status, body } = await product.ops('POST', path, given);
  expect({ status, body }).toMatchObject({ status: 202, body: { id: expect.any(String) } });
  return body.id;
}

async function ended(id: string) {
  const read = async () => (await product.ops('GET', `jobs/${id}`)).body;
  await expect.poll(async () => (await read()).state, soon).not.toBe('running');
  return await read();
}

/** Hosts an effect that is deployed later: it counts how often it was called for each event. */
async function newcomer(
  name: string,
  options: { fails?(seq: number): boolean } = {},
): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const effect = defineEffect({
    name,
    description: 'Arrives late.',
    on: ['message.created'],
    retry: { attempts: 2, initial: '100ms' },
    async transact(_, events) {
      const failing = events.filter((event) => options.fails?.(Number(event.payload.seq)));
      for (const { id } of events)
        if (!failing.some((event) => event.id === id)) seen.set(id, (seen.get(id) ?? 0) + 1);
      return failing.map((event) => retry(event, 'not this one'));
    },
  });
  const log = createLog('test', 'silent');
  await hostEffects({
    config: product.config,
    database: product.own.database,
    effects: [effect],
    log,
    started,
  });
  return seen;
}

const account = async (name: string) =>
  (await verifyLedger(pg(), { full: true })).subscribers.find((one) => one.name === name);

describe('a backfill', () => {
  it('gives a new subscriber all that was before it, while events go on: complete, and nothing twice', async () => {
    await post(300);
    // What has not been claimed yet would come by itself.
    await settled();
    const seen = await newcomer('late');
    const live = (async () => {
      for (let i = 0; i < 60; i += 1) await product.acme.post();
    })();
    const id = await begun('backfills', { subscriber: 'late', per_second: 200 });
    const job = await ended(id);
    await live;
    expect(job).toMatchObject({
      verb: 'backfill',
      state: 'done',
      total: 300,
      done: 300,
      failed: 0,
    });
    await settled();
    const [count] = await pg()`select count(*)::int as n from knockon.messages`;
    expect(seen.size).toBe(count?.n);
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
    expect(await account('late')).toMatchObject({
      expected: count?.n,
      done: count?.n,
      dead: 0,
      in_flight: 0,
      missing: 0,
    });
    // Once more there is nothing to do.
    expect(await ended(await begun('backfills', { subscriber: 'late' }))).toMatchObject({
      state: 'done',
      total: 0,
      done: 0,
    });
  });

  it('begins where it is told, and names what fails', async () => {
    const [row] =
      await pg()`select timestamp from knockon.events where type = 'message.created' order by id offset 100 limit 1`;
    const [after] =
      await pg()`select count(*)::int as n from knockon.events where type = 'message.created' and timestamp >= ${row?.timestamp}`;
    const seen = await newcomer('picky', { fails: (seq) => seq === 200 });
    const job = await ended(
      await begun('backfills', { subscriber: 'picky', from: row?.timestamp.toISOString() }),
    );
    expect(job).toMatchObject({
      state: 'done',
      total: after?.n,
      done: after?.n - 1,
      failed: 1,
      failures: [{ reason: 'not this one' }],
    });
    expect(seen.size).toBe(after?.n - 1);
    expect(await account('picky')).toMatchObject({
      expected: after?.n,
      done: after?.n - 1,
      dead: 1,
    });
  });

  it('gives an ordered subscriber the old events in order', async () => {
    const [one, two] = [
      await product.acme.post({ text: 'a' }),
      await product.acme.post({ text: 'b' }),
    ];
    for (const text of ['c', 'd'])
      for (const { id } of [one, two])
        await product.acme.call('PATCH', `/v1/messages/${id}`, { text });
    await product.acme.post({ text: 'e' });
    await settled();
    const seen: number[] = [];
    const effect = defineEffect({
      name: 'orderly',
      description: 'Arrives late and minds the order.',
      on: ['message.created', 'message.updated'],
      ordering: 'key',
      batch: 50,
      async transact(_, events) {
        seen.push(...events.map((event) => Number(event.seq)));
      },
    });
    await hostEffects({
      config: product.config,
      database: product.own.database,
      effects: [effect],
      log: createLog('test', 'silent'),
      started,
    });
    const job = await ended(await begun('backfills', { subscriber: 'orderly' }));
    expect(job).toMatchObject({ state: 'done', failed: 0, done: job.total });
    expect(seen).toHaveLength(job.total);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('is refused for nobody', async () => {
    expect((await product.ops('POST', 'backfills', { subscriber: 'nobody' })).status).toBe(404);
  });
});

describe('a replay', () => {
  it('says first what it would do, and does nothing', async () => {
    await settled();
    const [{ n }] =
      (await pg()`select count(*)::int as n from knockon.events where type = 'message.created'`) as unknown as [
        { n: number },
      ];
    const jobs = (await product.ops('GET', 'jobs')).body.data.length;
    const { status, body } = await product.ops('POST', 'replays', {
      type: 'message.created',
      dry_run: true,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dry_run: true, events: n, webhooks_answered: n });
    expect(body.summary).toBe(
      `${n} events, 9 subscribers, ${n} webhooks already answered 2xx: skipped`,
    );
    const by = Object.fromEntries(body.subscribers.map((one: { name: string }) => [one.name, one]));
    expect(by.search).toMatchObject({ again: 'freely', runs: n, skipped: 0 });
    expect(by.webhooks).toMatchObject({ again: 'asked', runs: 0, skipped: n });
    expect(by.audit).toMatchObject({ again: 'never', runs: 0, skipped: n });
    expect(by.picky).toMatchObject({ runs: 1, retries: 1, never: 100 });
    expect(by.orderly).toMatchObject({ again: 'never', runs: 0, skipped: n });
    expect((await product.ops('GET', 'jobs')).body.data).toHaveLength(jobs);
  });

  it('reckons anew what may be, and does nothing else twice', async () => {
    receiver.requests.length = 0;
    await pg()`update knockon.search_documents set document = null`;
    const counted = async () =>
      (
        await pg()`select (select count(*)::int from knockon.audit_entries) as audit, (select sum(messages)::int from knockon.analytics_quarters) as n`
      )[0];
    const before = await counted();
    const job = await ended(
      await begun('replays', { channel_id: product.acme.channelId, type: 'message.created' }),
    );
    expect(job).toMatchObject({ verb: 'replay', state: 'done', failed: 1 });
    expect(job.done + job.failed).toBe(job.total);
    expect(receiver.requests).toEqual([]);
    expect(await counted()).toEqual(before);
    const [row] =
      await pg()`select count(*)::int as n from knockon.search_documents where document is null`;
    expect(row?.n).toBe(0);
    await settled();
    expect(
      (await verifyLedger(pg(), { full: true, running: async () => new Set() })).balanced,
    ).toBe(true);
  });

  it('sends webhooks once more where the operator insists, under the same id', async () => {
    const message = await product.acme.post({ text: 'lost by the receiver' });
    await expect.poll(() => product.acme.states(message.id), soon).toMatchObject(all('done'));
    receiver.requests.length = 0;
    const input = { message_id: message.id, subscriber: 'webhooks' };
    expect(await ended(await begun('replays', input))).toMatchObject({
      total: 1,
      done: 1,
      skipped: 1,
    });
    expect(receiver.requests).toEqual([]);
    expect(await ended(await begun('replays', { ...input, force: true }))).toMatchObject({
      total: 1,
      done: 1,
      skipped: 0,
      failed: 0,
    });
    expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([
      message.event_id,
    ]);
    expect(
      (await product.ops('POST', 'replays', { subscriber: 'audit', force: true })).status,
    ).toBe(409);
    expect((await product.ops('POST', 'replays', { subscriber: 'nobody' })).status).toBe(422);
  });
});

describe('a job', () => {
  it('is held up, goes on and is cancelled; says what it can not be', async () => {
    const id = await begun('replays', {
      type: 'message.created',
      subscriber: 'search',
      per_second: 20,
    });
    await expect
      .poll(async () => (await product.ops('GET', `jobs/${id}`)).body.done, soon)
      .toBeGreaterThan(0);
    expect((await product.ops('POST', `jobs/${id}/pause`)).body.state).toBe('paused');
    const held = await ended(id);
    expect(held.eta_seconds).toBeGreaterThan(0);
    expect((await product.ops('POST', `jobs/${id}/pause`)).status).toBe(409);
    expect((await product.ops('POST', `jobs/${id}/resume`)).body.state).toBe('running');
    await expect
      .poll(async () => (await product.ops('GET', `jobs/${id}`)).body.done, soon)
      .toBeGreaterThan(held.done + 20);
    expect((await product.ops('POST', `jobs/${id}/cancel`)).body.state).toBe('cancelled');
    expect((await product.ops('POST', `jobs/${id}/resume`)).status).toBe(409);
    expect((await product.ops('GET', `jobs/${product.acme.workspaceId}`)).status).toBe(404);
    const { data } = (await product.ops('GET', `log?subject=${id}`)).body;
    expect(data.map((entry: { verb: string }) => entry.verb)).toEqual([
      'cancel operation',
      'resume operation',
      'pause operation',
      'replay',
    ]);
  });
});

describe('a rebuild', () => {
  const sums = async () => {
    const [row] = await pg()`
      select (select jsonb_agg(h order by channel_id, quarter, author) from knockon.analytics_quarters h) as analytics,
        (select jsonb_agg(c order by channel_id) from knockon.channel_summaries c) as cache, (select jsonb_agg(a order by author) from knockon.channel_authors a) as authors,
        (select jsonb_agg(jsonb_build_array(message_id, version, document is null) order by message_id) from knockon.search_documents) as search`;
    return row;
  };

  it('makes each projection anew as it was, while messages go on', async () => {
    const doomed = await product.acme.post({ text: 'to be deleted' });
    await product.acme.call('DELETE', `/v1/messages/${doomed.id}`);
    await settled();
    const right = await sums();
    await pg()`update knockon.analytics_quarters set messages = messages + 7`;
    await pg()`update knockon.channel_summaries set messages = 3, last_message = null`;
    await pg()`delete from knockon.search_documents where version = 1`;
    for (const subscriber of ['search', 'analytics', 'cache']) {
      const job = await ended(await begun('rebuilds', { subscriber }));
      expect(job).toMatchObject({ verb: 'rebuild', state: 'done', failed: 0 });
      expect(job.total).toBeGreaterThan(300);
    }
    expect(await sums()).toEqual(right);
    const writing = post(150);
    const jobs = await Promise.all(
      ['search', 'analytics', 'cache'].map((subscriber) => begun('rebuilds', { subscriber })),
    );
    for (const id of jobs) expect((await ended(id)).state).toBe('done');
    await writing;
    await settled();
    const [count] =
      await pg()`select count(*)::int as n from knockon.messages where deleted_at is null`;
    const { data } = await product.acme.get('/v1/analytics/messages?bucket=day');
    expect(data.reduce((n: number, bucket: { messages: number }) => n + bucket.messages, 0)).toBe(
      count?.n,
    );
    expect(await product.acme.get(`/v1/channels/${product.acme.channelId}/summary`)).toMatchObject({
      messages: count?.n,
    });
    const [found] =
      await pg()`select count(*)::int as n from knockon.search_documents where document is not null`;
    expect(found?.n).toBe(count?.n);
  });

  it('is refused for what does not follow from what is stored', async () => {
    expect((await product.ops('POST', 'rebuilds', { subscriber: 'audit' })).status).toBe(422);
  });
});

misfits(product);
