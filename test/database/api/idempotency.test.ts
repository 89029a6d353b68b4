import { eq, sql } from 'drizzle-orm';
import { beforeAll, describe, expect, test } from 'vitest';
import { idempotencyKeys } from '../../../src/db/schema/workspaces.ts';
import { createSeal } from '../../../src/seal.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { subscribe } from '../../harness/messaging.ts';
import { bodies, fill, type Operation, operations, titleOf } from './openapi-operations.ts';
import { type Answer, OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();
let keyed: Operation[];
let creating: Operation[];
let channel: string;
let endpoint: string;

beforeAll(async () => {
  // Keys belong to a workspace; operators work on all of them.
  keyed = (await operations(api.app)).filter(
    ({ creates, path }) => creates && !path.startsWith('/v1/ops/'),
  );
  // There is no delivery here to be sent again.
  creating = keyed.filter(({ path }) => !path.startsWith('/v1/deliveries/'));
  await declareTypes(api.database, ['invoice.paid']);
  channel = await api.channel();
  endpoint = (
    await api.call('POST', '/v1/endpoints', {
      body: { url: 'https://example.com', event_types: ['*'] },
    })
  ).body.id;
});

function send(
  operation: Operation,
  idempotencyKey: string,
  body: unknown = bodies[titleOf(operation)],
) {
  const id = operation.path.includes('endpoints') ? endpoint : channel;
  const key = operation.operator ? OPERATOR : api.key;
  return request(api.app, operation.method, fill(operation, { id }), {
    key,
    body,
    headers: { 'idempotency-key': idempotencyKey },
  });
}

/** The same body under other words, where a name must not be taken. */
const fresh = (operation: Operation) => {
  const body = bodies[titleOf(operation)] as Record<string, unknown> | undefined;
  return operation.path === '/v1/channels' ? { name: `channel ${Math.random()}` } : body;
};

/** What another body has. */
const others: Record<string, object> = {
  name: { name: 'other' },
  text: { text: 'other' },
  payload: { key: 'other' },
  events: { events: [{ type: 'invoice.paid', payload: { amount: 6 } }] },
};

function other(body: Record<string, unknown>): object {
  const [field = ''] = Object.keys(body).filter((name) => name in others);
  return others[field] ?? { description: 'other' };
}

describe('every POST that creates', () => {
  test('is said to take an Idempotency-Key', () => {
    expect(keyed.map(titleOf).sort()).toEqual([
      'POST /v1/api_keys',
      'POST /v1/channels',
      'POST /v1/channels/{id}/messages',
      'POST /v1/deliveries/{id}/redeliver',
      'POST /v1/endpoints',
      'POST /v1/endpoints/{id}/rotate_secret',
      'POST /v1/endpoints/{id}/test',
      'POST /v1/events',
      'POST /v1/events/batch',
      'POST /v1/workspaces',
    ]);
  });

  test('sent again with the same key and body gives the first answer again, secrets included', async () => {
    for (const operation of creating) {
      const body = fresh(operation);
      const key = `again ${operation.path}`;
      const first = await send(operation, key, body);
      const second = await send(operation, key, body);
      expect({ [titleOf(operation)]: first.status }).toEqual({
        [titleOf(operation)]: /test$|rotate_secret$|batch$/.test(operation.path) ? 200 : 201,
      });
      expect(second).toMatchObject({ status: first.status, body: first.body });
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      expect(second.headers.get('idempotent-replayed')).toBe('true');
    }
  });

  test('sent with a key that was used for another body answers 422, and makes nothing', async () => {
    for (const operation of creating.filter(({ hasBody }) => hasBody)) {
      const key = `other body ${operation.path}`;
      await send(operation, key, fresh(operation));
      const body = fresh(operation) as Record<string, unknown>;
      const answer = await send(operation, key, { ...body, ...other(body) });
      expect(answer.status, titleOf(operation)).toBe(422);
      expect(answer.body.type).toBe('urn:knockon:problem:idempotency-key-reused');
    }
    expect((await api.call('GET', '/v1/channels?name=other')).body.data).toEqual([]);
  });

  test('sent with a key that was used on another route answers 422', async () => {
    const [messages, channels] = ['messages', 'channels'].map(
      (end) => creating.find(({ path }) => path.endsWith(end))!,
    );
    expect((await send(messages!, 'cross')).status).toBe(201);
    expect((await send(channels!, 'cross', { name: 'crossing' })).status).toBe(422);
    expect((await send(channels!, 'cross back', { name: 'crossing' })).status).toBe(201);
    expect((await send(messages!, 'cross back')).status).toBe(422);
  });

  test('refuses keys that are empty, too long or not visible, and names the header', async () => {
    for (const operation of creating) {
      for (const key of ['', 'x'.repeat(256), 'tab\there', 'é']) {
        const answer = await send(operation, key, fresh(operation));
        expect({ [titleOf(operation)]: answer.status, key }).toEqual({
          [titleOf(operation)]: 422,
          key,
        });
        expect(answer.body.errors[0].path).toBe('Idempotency-Key');
      }
      expect((await send(operation, 'x'.repeat(255), fresh(operation))).status).toBeLessThan(300);
      await api.database.db.delete(idempotencyKeys).where(eq(idempotencyKeys.key, 'x'.repeat(255)));
    }
  });

  test('sent ten times at once makes one thing: the others are told that it is in flight, or get its answer', async () => {
    for (const operation of creating) {
      const body = fresh(operation);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => send(operation, `at once ${operation.path}`, body)),
      );
      const made = answers.filter(
        ({ status, headers }) => status < 300 && !headers.get('idempotent-replayed'),
      );
      expect(made, titleOf(operation)).toHaveLength(1);
      for (const { status, body: answered } of answers) {
        expect([200, 201, 409]).toContain(status);
        if (status !== 409) expect(answered).toEqual(made[0]!.body);
      }
    }
  });

  test('whose first request failed may be sent again under the same key', async () => {
    const [channels] = creating.filter(({ path }) => path === '/v1/channels');
    await api.channel('taken');
    expect((await send(channels!, 'failed first', { name: 'taken' })).status).toBe(409);
    expect((await send(channels!, 'failed first', { name: 'free' })).status).toBe(201);
  });

  test('takes a key again after 24 hours, and not a minute before', async () => {
    const age = (interval: string) =>
      api.database.db
        .update(idempotencyKeys)
        .set({ created_at: sql`now() - ${interval}::interval` })
        .where(sql`${idempotencyKeys.key} like 'day %'`);
    for (const operation of creating) {
      const key = `day ${operation.path}`;
      const body = fresh(operation);
      await send(operation, key, body);
      await age('23 hours 59 minutes');
      const replayed = await send(operation, key, body);
      expect(replayed.headers.get('idempotent-replayed'), titleOf(operation)).toBe('true');
      await age('24 hours 1 minute');
      const again = await send(operation, key, fresh(operation));
      expect(again.status, titleOf(operation)).toBeLessThan(300);
      expect(again.headers.get('idempotent-replayed')).toBeNull();
      await api.database.db.delete(idempotencyKeys).where(eq(idempotencyKeys.key, key));
    }
  });

  test('keeps first answers sealed: no secret can be read in the database', async () => {
    const [keys] = creating.filter(({ path }) => path === '/v1/api_keys');
    const { body } = await send(keys!, 'sealed');
    const [row] = await api.database.db
      .select()
      .from(idempotencyKeys)
      .where(eq(idempotencyKeys.key, 'sealed'));
    expect(JSON.stringify(row)).not.toContain(body.api_key);
    expect(api.seal.open(row!.response!)).toContain(body.api_key);
  });

  test('whose first answer was sealed under another secret answers 409, and says to take a new key', async () => {
    const earlier = createSeal('a secret that was changed since');
    for (const operation of creating) {
      const key = `resealed ${operation.path}`;
      const body = fresh(operation);
      await send(operation, key, body);
      const resealed = await api.database.db
        .update(idempotencyKeys)
        .set({ response: earlier.close('{}') })
        .where(sql`${idempotencyKeys.key} = ${key} and ${idempotencyKeys.response} is not null`)
        .returning({ key: idempotencyKeys.key });
      const again = await send(operation, key, body);
      const unreadable = resealed.length > 0;
      expect({ [titleOf(operation)]: again.status < 300 }).toEqual({
        [titleOf(operation)]: !unreadable,
      });
      if (!unreadable) continue;
      expect(again).toMatchObject({
        status: 409,
        body: { detail: expect.stringMatching(/another KNOCKON_SECRET.*take a new key/) },
      });
      expect(again.headers.get('idempotent-replayed')).toBeNull();
    }
  });
});

describe('sent again with its key, a POST is not refused for what has become of things since', () => {
  const again = async (path: string, body?: unknown, key: string = OPERATOR) =>
    await api.call('POST', path, { key, body, headers: { 'idempotency-key': `since ${path}` } });
  const expectReplayed = (first: Answer, second: Answer) => {
    expect(first.status).toBeLessThan(300);
    expect(second).toMatchObject({ status: first.status, body: first.body });
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  };

  test('a rebuild, which is under way; another one is refused', async () => {
    const body = { subscriber: 'cache' };
    const first = await again('/v1/ops/rebuilds', body);
    expectReplayed(first, await again('/v1/ops/rebuilds', body));
    const other = await api.call('POST', '/v1/ops/rebuilds', { key: OPERATOR, body });
    expect(other).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining(first.body.id) },
    });
  });

  test.each(['backfills', 'replays'])(
    'one of %s, of a subscriber that has retired',
    async (what) => {
      const [path, body] = [`/v1/ops/${what}`, { subscriber: `leaves ${what}`.replace(' ', '-') }];
      await subscribe(api.database, { name: body.subscriber });
      const first = await again(path, body);
      await api.database.pg`
      update knockon.subscribers set retired_at = now() where name = ${body.subscriber}`;
      expectReplayed(first, await again(path, body));
      const other = await api.call('POST', path, { key: OPERATOR, body });
      expect(other.status).toBe(what === 'backfills' ? 404 : 422);
    },
  );

  test('an endpoint, whose address is not allowed any more', async () => {
    const body = { url: 'https://moves.example.com', event_types: ['*'] };
    const first = await again('/v1/endpoints', body, api.key);
    const app = api.another({ isAllowedWebhookUrl: async () => 'does not resolve' });
    const headers = { 'idempotency-key': 'since /v1/endpoints' };
    const options = { key: api.key, body };
    expectReplayed(first, await request(app, 'POST', '/v1/endpoints', { ...options, headers }));
    expect((await request(app, 'POST', '/v1/endpoints', options)).status).toBe(422);
  });

  test('a test of an endpoint and a try of it, which is deleted', async () => {
    const body = { url: 'https://leaves.example.com', event_types: ['*'] };
    const { id } = (await api.call('POST', '/v1/endpoints', { body })).body;
    const send = () =>
      Promise.all([
        again(`/v1/endpoints/${id}/test`, undefined, api.key),
        again(`/v1/ops/endpoints/${id}/try`),
      ]);
    const firsts = await send();
    await api.call('DELETE', `/v1/endpoints/${id}`);
    const seconds = await send();
    for (const [i, first] of firsts.entries()) expectReplayed(first, seconds[i]!);
  });
});

test('the order of fields and of metadata does not make another request', async () => {
  const path = `/v1/channels/${channel}/messages`;
  const headers = { 'idempotency-key': 'order' };
  const first = await api.call('POST', path, {
    headers,
    body: '{"author":"ada","text":"hi","metadata":{"a":1,"b":[1,2]}}',
  });
  const second = await api.call('POST', path, {
    headers,
    body: '{ "metadata":{"b":[1,2],"a":1}, "text":"hi","author":"ada" }',
  });
  const third = await api.call('POST', path, {
    headers,
    body: '{"author":"ada","text":"hi","metadata":{"a":1,"b":[2,1]}}',
  });
  expect([first.status, second.status, third.status]).toEqual([201, 201, 422]);
  expect(second.body).toEqual(first.body);
});

test('a message is answered as it was first, though it was edited meanwhile', async () => {
  const headers = { 'idempotency-key': 'edited' };
  const { body: first } = await api.post(channel, {}, { headers });
  await api.call('PATCH', `/v1/messages/${first.id}`, { body: { text: 'edited' } });
  const { body: again } = await api.call('POST', `/v1/channels/${channel}/messages`, {
    headers,
    body: { author: 'ada', text: 'hello' },
  });
  expect(again).toEqual(first);
});
