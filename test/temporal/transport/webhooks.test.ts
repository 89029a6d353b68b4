import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { webhooks } from '../../../src/activities/webhooks/index.ts';
import { aChannel } from '../../harness/messaging.ts';
import { loopback, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { soon, TransportTestbed } from './testbed.ts';

describe.each(['temporal', 'pg-boss'] as const)('webhooks on %s', (transport) => {
  let testbed: TransportTestbed;
  let receiver: Receiver;
  let where: { workspaceId: string; channelId: string };
  beforeAll(async () => {
    testbed = await TransportTestbed.open(transport);
  }, 60_000);
  afterAll(() => testbed?.close());
  beforeEach(async () => {
    receiver = await Receiver.start();
    where = await aChannel(testbed.database);
  });
  afterEach(async () => {
    await testbed.clear();
    await receiver.stop();
  });

  const process = (circuit = {}) => webhooks({ seal, allow: loopback, timeoutMs: 2000, circuit });
  const delivered = (events: string[]) =>
    expect
      .poll(() => testbed.receipts('webhooks'), { ...soon, timeout: 60_000 })
      .toEqual(expect.arrayContaining(events));
  const attempts = () =>
    testbed.database
      .pg`select attempts from knockon.attempts where subscriber = 'webhooks' and attempts > 0`;

  test("an endpoint's limit is kept by two processes, nothing is lost, and no try is used up", async () => {
    const arrivals: number[] = [];
    receiver.answer = (response) => {
      arrivals.push(performance.now());
      response.end();
    };
    await receiver.register(testbed.database, where.workspaceId, { maxPerSecond: 10 });
    await testbed.host(process());
    await testbed.host(process());
    const events = [];
    for (let i = 0; i < 4; i++) {
      events.push(...(await testbed.post(15, where)));
      await testbed.dispatch();
    }
    await delivered(events);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(60);
    expect(receiver.requests).toHaveLength(60);
    expect((arrivals.at(-1)! - arrivals[0]!) / 1000).toBeGreaterThan(59 / 10 - 0.5);
    expect(await attempts()).toEqual([]);
  }, 90_000);

  test('an endpoint that fails for a while is left alone, and then has everything once', async () => {
    const { id } = await receiver.register(testbed.database, where.workspaceId);
    receiver.answer = (response) => response.writeHead(500).end();
    await testbed.host(process({ failures: 5, firstMs: 2000, longestMs: 3000 }));
    const events = await testbed.post(40, where);
    await testbed.dispatch();
    const state = async () =>
      (
        await testbed.database
          .pg`select failing_since is not null as failing, failures from knockon.endpoints where id = ${id}`
      )[0]!;
    await expect.poll(state, soon).toMatchObject({ failing: true });
    await expect.poll(state, soon).toMatchObject({
      failures: expect.toSatisfy((n: number) => n > receiver.requests.length - 2),
    });
    expect(receiver.requests.length).toBeLessThan(20);
    receiver.answer = (response) => response.end();
    const failed = receiver.requests.length;
    await delivered(events);
    expect(await state()).toEqual({ failing: false, failures: 0 });
    expect(receiver.requests.length - failed).toBeLessThanOrEqual(41);
    expect(await testbed.letters('webhooks')).toEqual([]);
  }, 90_000);
});
