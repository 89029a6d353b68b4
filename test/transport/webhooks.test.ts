import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { webhooks } from '../../src/activities/webhooks/index.ts';
import { loopback, Receiver, seal } from '../effects/webhook-receiver.ts';
import { aChannel } from '../harness/messaging.ts';
import { soon, TransportBench } from './test-transport.ts';

describe.each(['temporal', 'pg-boss'] as const)('webhooks on %s', (transport) => {
  let bench: TransportBench;
  let receiver: Receiver;
  let where: { workspaceId: string; channelId: string };
  beforeAll(async () => {
    bench = await TransportBench.open(transport);
  }, 60_000);
  afterAll(() => bench?.close());
  beforeEach(async () => {
    receiver = await Receiver.start();
    where = await aChannel(bench.database);
  });
  afterEach(async () => {
    await bench.clear();
    await receiver.stop();
  });

  const process = (circuit = {}) => webhooks({ seal, allow: loopback, timeoutMs: 2000, circuit });
  const delivered = (events: string[]) =>
    expect
      .poll(() => bench.receipts('webhooks'), { ...soon, timeout: 60_000 })
      .toEqual(expect.arrayContaining(events));
  const attempts = () =>
    bench.database.pg`select attempts from attempts where subscriber = 'webhooks' and attempts > 0`;

  test("an endpoint's limit is kept by two processes, nothing is lost, and no try is used up", async () => {
    const arrivals: number[] = [];
    receiver.answer = (response) => {
      arrivals.push(performance.now());
      response.end();
    };
    await receiver.register(bench.database, where.workspaceId, { maxPerSecond: 10 });
    await bench.host(process());
    await bench.host(process());
    const events = [];
    for (let i = 0; i < 4; i++) {
      events.push(...(await bench.post(15, where)));
      await bench.dispatch();
    }
    await delivered(events);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(60);
    expect(receiver.requests).toHaveLength(60);
    expect((arrivals.at(-1)! - arrivals[0]!) / 1000).toBeGreaterThan(59 / 10 - 0.5);
    expect(await attempts()).toEqual([]);
  }, 90_000);

  test('an endpoint that fails for a while is left alone, and then has everything once', async () => {
    const { id } = await receiver.register(bench.database, where.workspaceId);
    receiver.answer = (response) => response.writeHead(500).end();
    await bench.host(process({ failures: 5, firstMs: 2000, longestMs: 3000 }));
    const events = await bench.post(40, where);
    await bench.dispatch();
    const state = async () =>
      (
        await bench.database
          .pg`select failing_since is not null as failing, failures from endpoints where id = ${id}`
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
    expect(await bench.letters('webhooks')).toEqual([]);
  }, 90_000);
});
