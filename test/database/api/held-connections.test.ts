import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redeliver, sendTest } from '../../../src/activities/webhooks/index.ts';
import { idempotencyKeys } from '../../../src/db/schema/workspaces.ts';
import { loopback, Receiver } from '../../harness/webhook-receiver.ts';
import { OPERATOR, request, type TestApi, useApi } from './test-api.ts';

const api = useApi();
let app: TestApi['app'];
let receiver: Receiver;
let endpoint: string;

beforeAll(async () => {
  receiver = await Receiver.start();
  const outside = { db: api.database.db, seal: api.seal, allow: loopback, timeoutMs: 10_000 };
  app = api.another({ sendTest: sendTest(outside), redeliver: redeliver(outside) });
  const { body } = await api.call('POST', '/v1/endpoints', {
    body: { url: receiver.url(), event_types: ['message.created'] },
  });
  endpoint = body.id;
  receiver.secret = body.secret;
});
afterAll(() => receiver?.stop());

const call = (method: string, path: string, options = {}) =>
  request(app, method, path, { key: api.key, ...options });
const tests = (count: number, headers = (_: number): Record<string, string> => ({})) =>
  Array.from({ length: count }, (_, n) =>
    call('POST', `/v1/endpoints/${endpoint}/test`, { headers: headers(n) }),
  );
const statuses = async (answers: ReturnType<typeof call>[]) =>
  (await Promise.all(answers)).map(({ status }) => status);

/** A delivery that can be made once more. */
async function aDelivery(): Promise<string> {
  const posted = await api.post(await api.channel());
  const [row] = await api.database.pg`
    insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type)
    values (${api.workspaceId}, ${endpoint}, ${posted.body.event_id}, 'message.created') returning id`;
  return row!.id;
}

describe('requests that call the outside, more of them at once than there are connections', () => {
  test('are all answered: tests of an endpoint, with and without an Idempotency-Key', async () => {
    expect(await statuses(tests(40))).toEqual(Array(40).fill(200));
    expect(await statuses(tests(40, (n) => ({ 'idempotency-key': `test ${n}` })))).toEqual(
      Array(40).fill(200),
    );
  });

  test('are all answered: deliveries made once more', async () => {
    const deliveries = await Promise.all(Array.from({ length: 24 }, aDelivery));
    expect(
      await statuses(deliveries.map((id) => call('POST', `/v1/deliveries/${id}/redeliver`))),
    ).toEqual(Array(24).fill(200));
  });

  test('hold no connection while they wait for the answer', async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    receiver.answer = (response) => void held.then(() => response.end());
    receiver.requests.length = 0;
    const asked = tests(20, (n) => ({ 'idempotency-key': `slow ${n}` }));
    await expect.poll(() => receiver.requests.length).toBe(20);
    const [open] = await api.database
      .pg`select count(*)::int as n from pg_stat_activity where state = 'idle in transaction'
      and datname = current_database()`;
    expect(open).toEqual({ n: 0 });
    expect((await call('GET', '/v1/channels')).status).toBe(200);
    answer();
    expect(await statuses(asked)).toEqual(Array(20).fill(200));
    receiver.answer = (response) => response.end();
  });

  test('are all answered: giving dead letters up for good', async () => {
    const body = { filter: {}, reason: 'a test' };
    const discards = Array.from({ length: 24 }, () =>
      call('POST', '/v1/ops/dead_letters/discard', { key: OPERATOR, body }),
    );
    expect(await statuses(discards)).toEqual(Array(24).fill(200));
  });
});

describe('an Idempotency-Key of a request that calls the outside', () => {
  const send = (key: string) =>
    call('POST', `/v1/endpoints/${endpoint}/test`, { headers: { 'idempotency-key': key } });

  test('answers 409 while the first request is under way, and then as it was answered', async () => {
    let answer = () => {};
    receiver.answer = (response) => {
      answer = () => response.end();
    };
    receiver.requests.length = 0;
    const first = send('under way');
    await expect.poll(() => receiver.requests.length).toBe(1);
    expect((await send('under way')).status).toBe(409);
    answer();
    const { body } = await first;
    receiver.answer = (response) => response.end();
    expect((await send('under way')).body).toEqual(body);
    expect(receiver.requests).toHaveLength(1);
  });

  test('of a process that died in the middle is free again after two minutes', async () => {
    await send('died');
    const made = receiver.requests.length;
    await api.database.db.update(idempotencyKeys).set({ status: 102, response: null });
    expect((await send('died')).status).toBe(409);
    await api.database
      .pg`update knockon.idempotency_keys set created_at = now() - interval '121 seconds' where key = 'died'`;
    expect((await send('died')).status).toBe(200);
    expect(receiver.requests.length).toBe(made + 1);
  });
});
