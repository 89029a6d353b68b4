import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Customer, soon } from '../../harness/customer.ts';
import { OPERATOR, useDeployment } from '../../harness/processes.ts';

const preload = new URL('../../harness/shifted-clock.js', import.meta.url).href;

describe.each(['temporal', 'pg-boss'] as const)('on %s', (transport) => {
  const knockon = useDeployment(() => ({
    KNOCKON_TRANSPORT: transport,
    KNOCKON_WEBHOOK_FAILURES: '0',
  }));
  // Not one that looks at signatures: they bear the worker's time, and are refused.
  let receiver: Server;
  let refused = 0;
  let acme: Customer;
  let url = '';
  beforeAll(async () => {
    receiver = createServer((request, response) => {
      request.resume();
      refused += 1;
      response.writeHead(refused > 2 ? 200 : 500).end();
    });
    await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve));
    if (transport === 'temporal') await knockon.current.start('worker workflows');
    ({ url } = await knockon.current.start('api'));
    acme = await Customer.at(url);
  });
  afterAll(() => receiver?.close());

  test.each([
    ['fast', 300_000],
    ['slow', -300_000],
  ])(
    'a worker whose clock is 300 s %s keeps to limits and retries as any other does, and the doctor names it',
    async (word, shift) => {
      const settings = { NODE_OPTIONS: `--import ${preload}`, CLOCK_SHIFT: String(shift) };
      const worker = await knockon.current.start('worker effects --only webhooks', settings);
      refused = 0;
      const { port } = receiver.address() as AddressInfo;
      const endpoint = {
        url: `http://127.0.0.1:${port}/`,
        event_types: ['message.created'],
        max_per_second: 1,
      };
      const { body } = await acme.call('POST', '/v1/endpoints', endpoint);
      for (let i = 0; i < 6; i++)
        await acme.postPersistently(`message ${i} to one whose clock is ${word}`);
      const delivered = async () => {
        const [row] = await knockon.current.database.pg<{ n: number }[]>`
        select count(*)::int as n from knockon.deliveries where endpoint_id = ${body.id} and state = 'delivered'`;
        return row!.n;
      };
      await expect.poll(delivered, { ...soon, timeout: 60_000 }).toBe(6);
      const diagnosis = async () => {
        const answer = await fetch(`${url}/v1/ops/doctor`, {
          headers: { authorization: `Bearer ${OPERATOR}` },
        });
        const { findings } = (await answer.json()) as {
          findings: { check: string; ok: boolean; detail: string; remedy: string | null }[];
        };
        return findings.find(({ check }) => check === 'clocks');
      };
      await expect.poll(diagnosis, soon).toMatchObject({
        ok: false,
        detail: expect.stringContaining(`5 min ${word}`),
        remedy: expect.any(String),
      });
      await worker.stop();
      await acme.call('DELETE', `/v1/endpoints/${body.id}`);
      await expect.poll(diagnosis, soon).toMatchObject({ ok: true });
    },
    150_000,
  );
});
