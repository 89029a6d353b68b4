import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSender } from '../../../src/activities/runtime/http/send.ts';
import { CallTimeout } from '../../../src/transport/pg-boss/next-jobs.ts';

const silent = createServer(() => {});
let url: string;

beforeAll(async () => {
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
});
afterAll(() => {
  silent.closeAllConnections();
  silent.close();
});

/** Sends a request that nobody answers, and breaks it off. */
async function brokenOff(reason: Error) {
  const send = createSender({ allow: ['127.0.0.0/8'], timeoutMs: 60_000 });
  const call = new AbortController();
  silent.once('request', () => call.abort(reason));
  const letter = {
    id: '0190a000-0000-7000-8000-000000000000',
    body: '{}',
    secrets: ['whsec_c2VjcmV0'],
  };
  return (await send({ url, ...letter }, call.signal)).failure;
}

it('a request that is broken off since its call is out of time says so: the worker runs on', async () => {
  expect(await brokenOff(new CallTimeout())).toMatchObject({ cause: 'timeout', ours: true });
});

it('a request that is broken off by a worker that stops says so', async () => {
  expect(await brokenOff(new Error('stopping'))).toMatchObject({
    cause: 'interrupted',
    ours: true,
  });
});
