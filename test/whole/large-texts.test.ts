import { expect, it } from 'vitest';
import { verifyLedger } from '../../src/ops/status/verify.ts';
import { settled, soon } from '../harness/customer.ts';
import { effectNames } from '../harness/effect-names.ts';
import { aChannel, aMessage, aWriter } from '../harness/messaging.ts';
import { useDeployment } from '../harness/processes.ts';

/**
 * Together 48 MB as they are stored, and more in memory, once for each effect; a worker has 96 MB
 * for everything.
 */
const MESSAGES = 300;
const HEAP_MB = 96;

const knockon = useDeployment();

/** 160 KB, as large as a message may be. Signs of music are no words: what is tried is the worker. */
const text = (i: number) =>
  `${i} ${Array.from({ length: 39_000 }, (_, n) => String.fromCodePoint(0x1d000 + ((n * 31 + i) % 240))).join('')}`;

it('a worker with little memory does every effect of many of the largest messages, and does not die of it', async () => {
  const deployment = knockon.current;
  const worker = await deployment.start('worker effects', {
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
  });
  const where = await aChannel(deployment.database);
  const writer = aWriter(deployment.database);
  for (let i = 0; i < MESSAGES; i += 1) await writer.post(aMessage(where, { text: text(i) }));
  await Promise.all([deployment.start('relay'), deployment.start('worker workflows')]);
  await expect
    .poll(
      async () => (await verifyLedger(deployment.database.pg)).subscribers.map(({ name }) => name),
      soon,
    )
    .toEqual(effectNames);
  await settled(deployment);
  const { subscribers } = await verifyLedger(deployment.database.pg, {
    running: async () => new Set(),
  });
  for (const { name, done, dead } of subscribers)
    expect({ name, done, dead }).toEqual({ name, done: MESSAGES, dead: 0 });
  expect(worker.ended).toBeUndefined();
}, 240_000);
