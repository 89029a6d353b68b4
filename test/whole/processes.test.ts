import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { all, Customer, expectOnce, settled, soon } from '../harness/customer.ts';
import { effectNames } from '../harness/effect-names.ts';
import { type TestProcess, useDeployment } from '../harness/processes.ts';
import { Receiver } from '../harness/webhook-receiver.ts';

const knockon = useDeployment(() => ({ KNOCKON_RELAY_AGE: '1s', KNOCKON_READY_AGE: '1s' }));
let receiver: Receiver;
let acme: Customer;
let api: TestProcess;
let effects: TestProcess;
/** How many messages were answered with 201. */
let taken = 0;

beforeAll(async () => {
  receiver = await Receiver.start();
  [api, effects] = await Promise.all([
    knockon.current.start('api', { KNOCKON_DRAIN: '1s' }),
    knockon.current.start('worker effects'),
    knockon.current.start('worker workflows'),
  ]);
  acme = await Customer.at(api.url);
});
afterAll(() => receiver?.stop());

async function post() {
  const message = await acme.post();
  taken += 1;
  return message;
}

async function restartApi(settings: Record<string, string> = {}): Promise<void> {
  if (!api.ended) await api.stop();
  api = await knockon.current.start('api', settings);
  acme.url = api.url;
}

const readyz = () => acme.call('GET', '/readyz');

/** Posts one message after another until nobody listens any more. */
async function postUntilRefused(): Promise<void> {
  for (;;) {
    try {
      await post();
    } catch (error) {
      expect(String((error as Error).cause)).toMatch(/ECONNREFUSED|ECONNRESET|other side closed/);
      return;
    }
  }
}

describe('an API that is told to stop', () => {
  it('says first that it is not ready, then finishes what it has begun, and loses nothing it has accepted', async () => {
    const clients = Array.from({ length: 2 }, postUntilRefused);
    await expect.poll(() => taken, soon).toBeGreaterThan(50);
    api.signal('SIGTERM');
    await expect.poll(readyz, soon).toMatchObject({
      status: 503,
      body: { ok: false, detail: { problem: 'this process is stopping' } },
    });
    expect((await fetch(`${api.url}/readyz`)).headers.get('connection')).toBe('close');
    const before = taken;
    await expect.poll(() => taken, soon).toBeGreaterThan(before);
    expect(await api.exit()).toEqual({ code: 0, signal: null });
    await Promise.all(clients);
    await restartApi();
    await settled(knockon.current);
    await expectOnce(knockon.current, acme, taken);
  });
});

describe('the dispatcher', () => {
  it('may run in a process of its own', async () => {
    await restartApi({ KNOCKON_DISPATCHER: 'off' });
    const { id } = await post();
    await expect.poll(readyz, soon).toMatchObject({
      status: 503,
      body: { detail: { problem: expect.stringMatching(/is a dispatcher running/) } },
    });
    expect(await acme.states(id)).toEqual(all('pending'));
    const relay = await knockon.current.start('relay');
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    expect(await readyz()).toMatchObject({ status: 200, body: { ok: true } });
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
  });

  it('accepts messages while Temporal is away, says so, and their effects follow by themselves', async () => {
    await restartApi({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    const began = performance.now();
    const messages = [await post(), await post(), await post()];
    expect(performance.now() - began).toBeLessThan(3000);
    await expect.poll(readyz, soon).toMatchObject({
      status: 503,
      body: { detail: { problem: expect.stringMatching(/is Temporal reachable/) } },
    });
    expect(await acme.call('GET', '/healthz')).toMatchObject({ status: 200 });
    const relay = await knockon.current.start('relay');
    for (const { id } of messages)
      await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    await expect.poll(readyz, soon).toMatchObject({ status: 200 });
    expect(await api.stop()).toEqual({ code: 0, signal: null });
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
  });
});

describe('an effect worker', () => {
  beforeAll(async () => {
    await restartApi();
    const { body } = await acme.call('POST', '/v1/endpoints', {
      url: receiver.url(),
      event_types: ['message.created'],
    });
    receiver.secret = body.secret;
  });

  it('leaves what it does not host to others', async () => {
    expect(await effects.stop()).toEqual({ code: 0, signal: null });
    const searching = await knockon.current.start('worker effects --only search');
    const { id } = await post();
    await expect.poll(() => acme.states(id), soon).toEqual({ ...all('running'), search: 'done' });
    const others = await knockon.current.start(
      `worker effects --only ${effectNames.filter((name) => name !== 'search').join(',')}`,
    );
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    await Promise.all([searching.stop(), others.stop()]);
  });

  it('finishes what it has begun when it is told to stop', async () => {
    effects = await knockon.current.start('worker effects');
    const { message, answer } = await aHeldWebhook();
    effects.signal('SIGTERM');
    // By the time this one is on its way, the worker has heard.
    const next = await post();
    await expect.poll(() => acme.states(next.id), soon).toMatchObject({ webhooks: 'running' });
    expect(effects.ended).toBeUndefined();
    answer();
    expect(await effects.exit()).toEqual({ code: 0, signal: null });
    expect(await acme.states(message.id)).toEqual(all('done'));
    const attempts = await knockon.current.database
      .pg`select from knockon.delivery_attempts a join knockon.deliveries d on d.id = a.delivery_id where d.event_id = ${message.event_id}`;
    expect(attempts).toHaveLength(1);
  });

  it('ends at once when it is told a second time', async () => {
    effects = await knockon.current.start('worker effects');
    await settled(knockon.current);
    await aHeldWebhook();
    effects.signal('SIGTERM');
    const began = performance.now();
    await vi.waitFor(() => {
      effects.signal('SIGTERM');
      expect(effects.ended).toEqual({ code: 130, signal: null });
    }, soon);
    // It would have waited 30 s for the webhook.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('stops as if told to when the process that has started it is gone', async () => {
    effects = await knockon.current.start('worker effects');
    effects.leaveAlone();
    expect(await effects.exit()).toEqual({ code: 0, signal: null });
  });
});

/** A message whose webhook has arrived and gets no answer before `answer` is called. */
async function aHeldWebhook() {
  const held: ServerResponse[] = [];
  receiver.answer = (response) => held.push(response);
  const message = await post();
  await expect.poll(() => held.length, soon).toBe(1);
  return {
    message,
    answer: () => {
      receiver.answer = (response) => response.end();
      for (const response of held) response.end();
    },
  };
}
