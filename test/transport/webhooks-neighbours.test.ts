import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { webhooks } from '../../src/activities/webhooks/index.ts';
import { loopback, Receiver, seal } from '../effects/webhook-receiver.ts';
import { aChannel } from '../harness/messaging.ts';
import { soon, TransportBench } from './test-transport.ts';

describe.each(['temporal', 'pg-boss'] as const)('webhooks on %s', (transport) => {
  let bench: TransportBench;
  let receiver: Receiver;
  beforeAll(async () => {
    [bench, receiver] = await Promise.all([TransportBench.open(transport), Receiver.start()]);
  }, 60_000);
  afterAll(async () => {
    await bench?.close();
    await receiver?.stop();
  });

  const workspace = async (path: string) => {
    const where = await aChannel(bench.database);
    await receiver.register(bench.database, where.workspaceId, { url: receiver.url(path) });
    return where;
  };

  test('a call for a quick endpoint is made while 60 calls wait for slow ones', async () => {
    const held: (() => void)[] = [];
    receiver.answer = (response, { path }) => {
      if (path === '/slow') held.push(() => response.end());
      else response.end();
    };
    await bench.host(webhooks({ seal, allow: loopback, timeoutMs: 60_000 }));
    for (let i = 0; i < 60; i++) {
      await bench.post(1, await workspace('/slow'));
      await bench.dispatch();
    }
    await expect.poll(() => held.length, soon).toBe(60);
    const [event] = await bench.post(1, await workspace('/quick'));
    await bench.dispatch();
    await expect.poll(() => bench.receipts('webhooks'), soon).toContain(event);
    expect(held).toHaveLength(60);
    for (const answer of held) answer();
  }, 120_000);
});
