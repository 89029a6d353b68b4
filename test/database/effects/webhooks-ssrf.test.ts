import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSender } from '../../../src/activities/runtime/http/send.ts';
import { addressRule } from '../../../src/activities/runtime/network/ssrf.ts';
import { isAllowedWebhookUrl, sendTest } from '../../../src/activities/webhooks/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { loopback, perform, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { startConversation } from './conversation.ts';

let fresh: TestDatabase;
let receiver: Receiver;

beforeAll(async () => {
  fresh = await freshDatabase();
  receiver = await Receiver.start();
});
afterAll(async () => {
  await receiver?.stop();
  await fresh?.close();
});

const literals = `
  127.0.0.1 127.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.0.0.1. 0.0.0.0 0 10.0.0.8 172.31.0.1 192.168.1.1 100.64.0.1
  169.254.169.254 168.63.129.16 192.0.2.1 198.18.0.1 224.0.0.1 255.255.255.255 [::1] [::] [::7f00:1] [::127.0.0.1] [::ffff:127.0.0.1]
  [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] [64:ff9b::7f00:1] [64:ff9b::10.0.0.1] [64:ff9b:1::1] [2002:7f00:1::] [2001:0:1::1]
  [fc00::1] [fd12::1] [fe80::1] [fec0::1] [ff02::1] [2001:db8::1] [100::1] [5f00::1] [4000::1]`;

test.each(literals.trim().split(/\s+/))(
  '%s is refused when an endpoint is stored, and again when something is sent to it',
  async (host) => {
    const url = `http://${host}:${receiver.port}/hook`;
    expect(await isAllowedWebhookUrl({ allow: [] })(url)).toMatch(
      /neither a private nor a denied address/,
    );
    const send = createSender({ allow: [], timeoutMs: 1000 });
    const attempt = await send({ url, secrets: [receiver.secret], ...letter });
    expect(attempt.failure).toMatchObject({ cause: 'address refused', final: true });
    expect(receiver.requests).toHaveLength(0);
  },
);

const letter = { id: '0190a000-0000-7000-8000-000000000000', body: '{}' };

test('a name that resolves to a private address is stored, and refused when something is sent to it: dead, and never tried', async () => {
  expect(await isAllowedWebhookUrl({ allow: [] })('http://localhost/hook')).toBeNull();
  const talk = await startConversation(fresh.database);
  const { id } = await receiver.register(fresh.database, talk.workspaceId, {
    url: `http://localhost:${receiver.port}/hook`,
  });
  const events = await talk.events();
  expect(await perform(fresh.database, events, { allow: [] })).toMatchObject([
    {
      event_id: events[0]!.id,
      target: id,
      state: 'dead',
      cause: 'address refused',
      reason: expect.stringContaining('localhost'),
    },
  ]);
  expect(receiver.requests).toHaveLength(0);
  expect(await perform(fresh.database, events, { allow: loopback })).toEqual([]);
  expect(receiver.requests.splice(0)).toHaveLength(1);
});

test('an allowed network is reached by its addresses, however they are written', async () => {
  const send = createSender({ allow: ['127.0.0.0/8'], timeoutMs: 1000 });
  for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost']) {
    const url = `http://${host}:${receiver.port}/hook`;
    expect(await isAllowedWebhookUrl({ allow: ['127.0.0.0/8'] })(url)).toBeNull();
    expect(await send({ url, secrets: [receiver.secret], ...letter })).toMatchObject({
      status: 200,
      failure: null,
    });
  }
  expect(receiver.requests.splice(0)).toHaveLength(4);
});

test.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '64:ff9b::808:808', '::ffff:8.8.8.8'])(
  '%s is a public address',
  (address) => {
    expect(addressRule({ allow: [] })(address)).toBe(true);
  },
);

test('an allowed network is no wider than it says', () => {
  const rule = addressRule({ allow: ['10.1.0.0/16', 'fd00:1::/32'] });
  const verdicts = [
    '10.1.2.3',
    '10.2.0.1',
    'fd00:1::9',
    'fd00:2::9',
    '::ffff:10.1.2.3',
    'not an address',
  ].map(rule);
  expect(verdicts).toEqual([true, false, true, false, true, false]);
});

test('what a cloud answers at a public address is refused unless it is allowed, in each spelling of it', () => {
  const spellings = ['168.63.129.16', '::ffff:168.63.129.16', '64:ff9b::a83f:8110'];
  expect(spellings.map(addressRule({ allow: [] }))).toEqual([false, false, false]);
  expect(spellings.map(addressRule({ allow: ['168.63.129.16/32'] }))).toEqual([true, true, true]);
});

test('a denied network is refused, though public or allowed', () => {
  const rule = addressRule({
    allow: ['10.0.0.0/8'],
    deny: ['203.0.114.0/24', '10.0.7.0/24', '2606:4700::/32'],
  });
  const verdicts = [
    '203.0.114.9',
    '203.0.115.9',
    '10.0.7.1',
    '10.0.8.1',
    '2606:4700:4700::1111',
    '::ffff:10.0.7.1',
  ].map(rule);
  expect(verdicts).toEqual([false, true, false, true, false, false]);
});

test.each([
  ['nonsense', 'is not a URL'],
  ['', 'is not a URL'],
  ['ftp://example.com/', 'must be http: or https:'],
  ['file:///etc/passwd', 'must be http: or https:'],
  ['javascript:alert(1)', 'must be http: or https:'],
  ['https://user:pass@example.com/', 'must not hold a user name or a password'],
  ['https://user@example.com/', 'must not hold a user name or a password'],
])('the URL %j %s', async (url, reason) => {
  expect(await isAllowedWebhookUrl({ allow: [] })(url)).toBe(reason);
});

test('a URL that can never work is dead even where it got past the API', async () => {
  const talk = await startConversation(fresh.database);
  await receiver.register(fresh.database, talk.workspaceId, { url: 'not a URL' });
  await receiver.register(fresh.database, talk.workspaceId, {
    url: `http://user:pass@127.0.0.1:${receiver.port}/`,
  });
  const outcomes = await perform(fresh.database, await talk.events());
  expect(outcomes.map((outcome) => [outcome.state, 'cause' in outcome && outcome.cause])).toEqual(
    Array(2).fill(['dead', 'URL refused']),
  );
  expect(receiver.requests).toHaveLength(0);
});

test('no proxy of the environment is asked', async () => {
  let asked = 0;
  const proxy = createServer((_, response) => {
    asked++;
    response.end();
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const before = { ...process.env };
  Object.assign(process.env, { HTTP_PROXY: address, http_proxy: address, NODE_USE_ENV_PROXY: '1' });
  try {
    const send = createSender({ allow: loopback, timeoutMs: 1000 });
    expect(
      await send({ url: receiver.url(), secrets: [receiver.secret], ...letter }),
    ).toMatchObject({ status: 200 });
    expect(receiver.requests.splice(0)).toHaveLength(1);
    expect(asked).toBe(0);
  } finally {
    process.env = before;
    proxy.close();
  }
});

test('a test event is sent once, signed, and logged among the deliveries of its endpoint', async () => {
  const talk = await startConversation(fresh.database);
  const endpoint = await receiver.register(fresh.database, talk.workspaceId, {
    types: ['message.deleted'],
  });
  const tell = sendTest({ db: fresh.database.db, seal, allow: loopback, timeoutMs: 1000 });
  receiver.answer = (response) => response.end('thanks');
  const result = await tell(endpoint.id);
  expect(result).toEqual({
    delivery_id: expect.any(String),
    status: 200,
    latency_ms: expect.any(Number),
    error: null,
    response_excerpt: 'thanks',
  });
  const [request] = receiver.requests.splice(0);
  expect(request!.event).toMatchObject({
    type: 'endpoint.test',
    workspace_id: talk.workspaceId,
    channel_id: null,
    seq: null,
    payload: {},
  });
  expect(request!.headers['webhook-id']).toBe(request!.event.id);

  receiver.answer = (response) => response.writeHead(418).end();
  expect(await tell(endpoint.id)).toMatchObject({
    status: 418,
    error: 'HTTP 418',
    response_excerpt: null,
  });
  const rows = await fresh.database.db.execute(sql`
    select event_id, event_type, state from knockon.deliveries where endpoint_id = ${endpoint.id} order by id`);
  expect(rows).toEqual([
    { event_id: null, event_type: 'endpoint.test', state: 'delivered' },
    { event_id: null, event_type: 'endpoint.test', state: 'failed' },
  ]);
  receiver.requests.splice(0);
});

test('a test event to an address that is refused says so', async () => {
  const talk = await startConversation(fresh.database);
  const endpoint = await receiver.register(fresh.database, talk.workspaceId);
  const tell = sendTest({ db: fresh.database.db, seal, allow: [], timeoutMs: 1000 });
  expect(await tell(endpoint.id)).toMatchObject({
    status: null,
    error: expect.stringMatching(/^address refused: /),
    response_excerpt: null,
  });
});
