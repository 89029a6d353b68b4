import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { webhooks } from '../../../src/activities/webhooks/index.ts';
import { aChannel } from '../../harness/messaging.ts';
import { loopback, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { soon, TransportTestbed } from './testbed.ts';

describe.each(['temporal', 'pg-boss'] as const)('webhooks on %s', (transport) => {
  let testbed: TransportTestbed;
  let receiver: Receiver;
  beforeAll(async () => {
    [testbed, receiver] = await Promise.all([TransportTestbed.open(transport), Receiver.start()]);
  }, 60_000);
  afterAll(async () => {
    await testbed?.close();
    await receiver?.stop();
  });

  const workspace = async (path: string) => {
    const where = await aChannel(testbed.database);
    await receiver.register(testbed.database, where.workspaceId, { url: receiver.url(path) });
    return where;
  };

  test('a call for a quick endpoint is made while 60 calls wait for slow ones', async () => {
    const held: (() => void)[] = [];
    receiver.answer = (response, { path }) => {
      if (path === '/slow') held.push(() => response.end());
      else response.end();
    };
    await testbed.host(webhooks({ seal, allow: loopback, timeoutMs: 60_000 }));
    for (let i = 0; i < 60; i++) {
      await testbed.post(1, await workspace('/slow'));
      await testbed.dispatch();
    }
    await expect.poll(() => held.length, soon).toBe(60);
    const [event] = await testbed.post(1, await workspace('/quick'));
    await testbed.dispatch();
    await expect.poll(() => testbed.receipts('webhooks'), soon).toContain(event);
    expect(held).toHaveLength(60);
    for (const answer of held) answer();
  }, 120_000);
});
