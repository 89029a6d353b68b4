import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ABSENT } from './openapi-operations.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

const sent: string[] = [];
let answer: { status: number; error: string | null };
const api = useApi({
  redeliver: async (delivery_id) => {
    sent.push(delivery_id);
    if (answer.error === null)
      await api.database
        .pg`update knockon.deliveries set state = 'delivered' where id = ${delivery_id}`;
    return { delivery_id, latency_ms: 3, response_excerpt: null, ...answer };
  },
});
const ops = (method: string, path: string, body?: unknown) =>
  api.call(method, `/v1/ops/${path}`, { key: OPERATOR, body });
const lastEntry = async () => (await ops('GET', 'log?limit=1')).body.data[0];

const endpoint = async (url = 'https://shop.example/hooks'): Promise<string> =>
  (await api.call('POST', '/v1/endpoints', { body: { url, event_types: ['message.created'] } }))
    .body.id;

describe('an operator and the endpoints of customers', () => {
  let id: string;
  beforeEach(async () => {
    id = await endpoint();
    sent.length = 0;
    answer = { status: 200, error: null };
  });

  const wait = async (count: number) =>
    await api.database.pg<{ id: string }[]>`
      insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type)
      select ${api.workspaceId}, ${id}, uuidv7(), 'message.created' from generate_series(1, ${count}) returning id`;

  test('are listed across workspaces by workspace, state and host', async () => {
    const other = await api.workspace();
    const own = await api.call('POST', '/v1/endpoints', {
      key: other.api_key,
      body: { url: 'http://Other.example:8080/x?y', event_types: ['*'] },
    });
    const ids = async (query: string) =>
      (await ops('GET', `endpoints?${query}`)).body.data.map((one: { id: string }) => one.id);
    expect(await ids('')).toEqual(expect.arrayContaining([id, own.body.id]));
    expect(await ids(`workspace_id=${other.id}`)).toEqual([own.body.id]);
    for (const host of ['other.example', 'OTHER.example:8080'])
      expect(await ids(`host=${host}`)).toEqual([own.body.id]);
    expect(await ids('host=example')).toEqual([]);
    await api.database
      .pg`update knockon.endpoints set failing_since = now() where id = ${own.body.id}`;
    expect(await ids('state=failing')).toEqual([own.body.id]);
  });

  test('are limited by rate and by requests at once; what is not named stays', async () => {
    expect(
      (await ops('PUT', `endpoints/${id}/limit`, { per_second: 3, reason: 'HTTP 429' })).body,
    ).toMatchObject({
      max_per_second: 3,
      max_concurrency: null,
    });
    expect(await lastEntry()).toMatchObject({
      verb: 'limit endpoint',
      subject: id,
      by: 'operator',
      reason: 'HTTP 429',
      detail: { max_per_second: 3 },
    });
    expect((await ops('PUT', `endpoints/${id}/limit`, { concurrency: 2 })).body).toMatchObject({
      max_per_second: 3,
      max_concurrency: 2,
    });
    expect((await api.call('GET', `/v1/endpoints/${id}`)).body).toMatchObject({
      max_per_second: 3,
      max_concurrency: 2,
    });
    expect(
      (await ops('PUT', `endpoints/${id}/limit`, { per_second: null, concurrency: null })).body,
    ).toMatchObject({
      max_per_second: null,
      max_concurrency: null,
    });
    for (const wrong of [
      {},
      { per_second: 0 },
      { concurrency: 0 },
      { concurrency: 9 },
      { concurrency: 1.5 },
    ])
      expect((await ops('PUT', `endpoints/${id}/limit`, wrong)).status).toBe(422);
  });

  test('are disabled with a reason that the owner reads and cannot undo, and enabled by an operator', async () => {
    await wait(2);
    await api.call('PATCH', `/v1/endpoints/${id}`, { body: { enabled: false } });
    expect((await ops('POST', `endpoints/${id}/disable`, {})).status).toBe(422);
    const { body } = await ops('POST', `endpoints/${id}/disable`, {
      reason: 'it floods a third party',
    });
    expect(body).toMatchObject({
      state: 'disabled',
      disabled: { by: 'operator', reason: 'it floods a third party' },
      waiting: { count: 0 },
    });
    const refused = await api.call('PATCH', `/v1/endpoints/${id}`, { body: { enabled: true } });
    expect(refused).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('it floods a third party') },
    });
    expect(
      (await api.call('PATCH', `/v1/endpoints/${id}`, { body: { description: 'still mine' } })).body
        .state,
    ).toBe('disabled');
    expect((await ops('POST', `endpoints/${id}/try`)).status).toBe(409);
    expect((await ops('POST', `endpoints/${id}/enable`)).body).toMatchObject({
      state: 'active',
      disabled: null,
    });
    const log = (await ops('GET', `log?subject=${id}`)).body.data.map(
      ({ verb }: { verb: string }) => verb,
    );
    expect(log).toEqual(['enable endpoint', 'disable endpoint']);
  });

  test('are changed by PATCH too: enabled, most a second or both, each told in the log', async () => {
    const change = (body: unknown) => ops('PATCH', `endpoints/${id}`, body);
    const entries = async () => (await ops('GET', `log?subject=${id}`)).body.data;
    const limited = await change({ max_per_second: 3 });
    expect(limited).toMatchObject({ status: 200, body: { max_per_second: 3, state: 'active' } });
    expect(limited.body).toEqual((await ops('GET', `endpoints/${id}`)).body);
    expect(await entries()).toMatchObject([
      {
        verb: 'limit endpoint',
        by: 'operator',
        reason: null,
        detail: { max_per_second: 3, workspace_id: api.workspaceId },
      },
    ]);
    await wait(2);
    const off = { enabled: false, max_per_second: null, reason: 'it floods a third party' };
    expect((await change(off)).body).toMatchObject({
      state: 'disabled',
      disabled: { by: 'operator', reason: 'it floods a third party' },
      max_per_second: null,
      waiting: { count: 0 },
    });
    const told = (await entries()).slice(0, 2);
    expect(told.map(({ verb }: { verb: string }) => verb).sort()).toEqual([
      'disable endpoint',
      'limit endpoint',
    ]);
    for (const { verb, reason, detail } of told) {
      const limits = verb === 'limit endpoint' ? { max_per_second: 'off' } : {};
      expect({ reason, detail }).toEqual({
        reason: off.reason,
        detail: { ...limits, workspace_id: api.workspaceId },
      });
    }
    const refused = await api.call('PATCH', `/v1/endpoints/${id}`, { body: { enabled: true } });
    expect(refused.status).toBe(409);
    expect((await change({ enabled: true })).body).toMatchObject({
      state: 'active',
      disabled: null,
    });
    expect((await change({ enabled: false })).body.disabled).toMatchObject({
      by: 'operator',
      reason: 'An operator disabled it.',
    });
  });

  test('are changed by PATCH only where it says what, rightly, and of an endpoint that there is', async () => {
    const wrong: [unknown, string][] = [
      [{}, ''],
      [{ reason: 'just so' }, ''],
      [{ enabled: null }, 'enabled'],
      [{ enabled: 'no' }, 'enabled'],
      [{ max_per_second: 0 }, 'max_per_second'],
      [{ max_per_second: '3' }, 'max_per_second'],
      [{ enabled: true, per_second: 3 }, 'per_second'],
      [{ enabled: false, reason: '' }, 'reason'],
    ];
    for (const [body, path] of wrong)
      expect(await ops('PATCH', `endpoints/${id}`, body)).toMatchObject({
        status: 422,
        body: { errors: [{ path, message: expect.any(String) }] },
      });
    const { body } = await ops('PATCH', `endpoints/${id}`, {});
    expect(body.errors[0].message).toBe('must have enabled or max_per_second');
    expect((await ops('PATCH', `endpoints/${id}`)).status).toBe(415);
    expect((await ops('PATCH', `endpoints/${ABSENT}`, { enabled: true })).status).toBe(404);
    expect((await ops('GET', `log?subject=${id}`)).body.data).toEqual([]);
  });

  test('are shown with what waits, what was given up and what they answered', async () => {
    const [first] = await wait(3);
    await api.database.pg`
      insert into knockon.delivery_attempts (delivery_id, status, latency_ms, error) values (${first!.id}, 500, 12, 'HTTP 500'), (${first!.id}, null, 9, 'timeout')`;
    await api.database.pg`
      insert into knockon.dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
      select event_id, 'webhooks', ${id}, uuidv7(), 'HTTP 500', 'it failed' from knockon.deliveries where id = ${first!.id}`;
    const { body } = await ops('GET', `endpoints/${id}`);
    expect(body).toMatchObject({
      waiting: { count: 2, oldest_at: expect.any(String) },
      given_up: 1,
      workspace_name: 'Acme',
    });
    expect(body.answers).toMatchObject([
      { status: null, error: 'timeout', delivery_id: first!.id },
      { status: 500, error: 'HTTP 500', event_type: 'message.created', latency_ms: 12 },
    ]);
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  test('are tried now: a rest ends, and what waits is sent, the oldest first, as long as it is taken', async () => {
    const waiting = await wait(3);
    await api.database
      .pg`update knockon.endpoints set resting_until = now() + interval '1 hour' where id = ${id}`;
    answer = { status: 500, error: 'HTTP 500' };
    const still = (await ops('POST', `endpoints/${id}/try`)).body;
    expect(still).toMatchObject({
      tried: 1,
      delivered: 0,
      answer: { error: 'HTTP 500' },
      endpoint: { resting_until: null, waiting: { count: 3 } },
    });
    answer = { status: 200, error: null };
    const { body } = await ops('POST', `endpoints/${id}/try`);
    expect(body).toMatchObject({
      tried: 3,
      delivered: 3,
      answer: { status: 200, error: null },
      endpoint: { waiting: { count: 0 } },
    });
    expect(sent).toEqual([waiting[0]!.id, ...waiting.map((one) => one.id)]);
    expect(await lastEntry()).toMatchObject({ verb: 'try endpoint', subject: id });
  });

  test('that have a limit get one when they are tried, and those that nothing waits for are tried by the next event', async () => {
    await ops('PUT', `endpoints/${id}/limit`, { per_second: 1 });
    await wait(3);
    expect((await ops('POST', `endpoints/${id}/try`)).body).toMatchObject({
      tried: 1,
      endpoint: { waiting: { count: 2 } },
    });
    id = await endpoint();
    const later = new Date(Date.now() + 600_000);
    await api.database
      .pg`update knockon.endpoints set failures = 10, failing_since = now(), probe_at = ${later} where id = ${id}`;
    const { body } = await ops('POST', `endpoints/${id}/try`);
    expect(body).toMatchObject({ tried: 0, answer: null });
    expect(Date.parse(body.endpoint.next_try_at)).toBeLessThan(later.getTime() - 60_000);
  });
});

describe('an operator and the keys of customers', () => {
  let customer: { id: string; api_key: string };
  beforeAll(async () => {
    customer = await api.workspace();
  });

  const status = async (key: string) => (await api.call('GET', '/v1/channels', { key })).status;

  test('makes one that works and is shown once, and lists them without their secrets', async () => {
    const { status: made, body } = await ops('POST', 'keys', {
      workspace_id: customer.id,
      name: 'spare',
    });
    expect([made, await status(body.api_key)]).toEqual([201, 200]);
    const { body: list } = await ops('GET', `keys?workspace_id=${customer.id}`);
    expect(list.data).toMatchObject([
      { id: body.id, name: 'spare', workspace_name: 'Acme', prefix: body.api_key.slice(0, 9) },
      { name: 'first key' },
    ]);
    expect(JSON.stringify(list)).not.toContain(body.api_key);
    expect(JSON.stringify(list)).not.toContain('hash');
    expect(await lastEntry()).toMatchObject({
      verb: 'create key',
      subject: body.id,
      detail: { workspace_id: customer.id },
    });
    expect((await ops('POST', 'keys', { workspace_id: ABSENT })).status).toBe(404);
  });

  test('revokes some, which stop at once in this process, and the last one too', async () => {
    const { body: spare } = await ops('POST', 'keys', { workspace_id: customer.id });
    expect(await status(spare.api_key)).toBe(200);
    const { body } = await ops('POST', 'keys/revoke', {
      ids: [spare.id, ABSENT],
      reason: 'it leaked',
    });
    expect(body.revoked).toMatchObject([{ id: spare.id, workspace_name: 'Acme' }]);
    expect(await status(spare.api_key)).toBe(401);
    expect(await lastEntry()).toMatchObject({
      verb: 'revoke key',
      subject: spare.id,
      reason: 'it leaked',
    });
    const all = await ops('POST', 'keys/revoke', { workspace_id: customer.id });
    expect(all.body.revoked.length).toBeGreaterThan(0);
    expect(await status(customer.api_key)).toBe(401);
    expect((await ops('GET', `keys?workspace_id=${customer.id}`)).body.data).toEqual([]);
    for (const wrong of [{}, { ids: [] }, { ids: [ABSENT], workspace_id: customer.id }])
      expect((await ops('POST', 'keys/revoke', wrong)).status).toBe(422);
  });

  test('makes, lists and revokes the keys of a workspace, as that does itself', async () => {
    const { id, api_key: first } = await api.workspace();
    const keys = `workspaces/${id}/api_keys`;
    const { status: made, body } = await ops('POST', keys, { name: 'spare' });
    const own = await api.call('POST', '/v1/api_keys', { key: first, body: { name: 'spare' } });
    expect([made, Object.keys(body)]).toEqual([201, Object.keys(own.body)]);
    expect(body).toMatchObject({ name: 'spare', prefix: body.api_key.slice(0, 9) });
    expect(await status(body.api_key)).toBe(200);
    expect((await ops('GET', 'log?verb=create%20key&limit=1')).body.data).toMatchObject([
      { subject: body.id, by: 'operator', detail: { workspace_id: id, prefix: body.prefix } },
    ]);
    const { body: list } = await ops('GET', keys);
    expect(list).toEqual((await api.call('GET', '/v1/api_keys', { key: first })).body);
    expect(list.data).toHaveLength(3);
    expect(JSON.stringify(list)).not.toContain(body.api_key);
    const page = (await ops('GET', `${keys}?limit=2`)).body;
    const rest = (await ops('GET', `${keys}?limit=2&cursor=${page.next_cursor}`)).body;
    expect([...page.data, ...rest.data]).toEqual(list.data);
    expect(rest.next_cursor).toBeNull();

    expect(await ops('DELETE', `${keys}/${body.id}`)).toMatchObject({ status: 204, body: '' });
    expect(await status(body.api_key)).toBe(401);
    expect(await lastEntry()).toMatchObject({
      verb: 'revoke key',
      subject: body.id,
      detail: { workspace_id: id },
    });
    expect((await ops('DELETE', `${keys}/${body.id}`)).status).toBe(404);
    // The last one too: an operator can make another.
    for (const key of (await ops('GET', keys)).body.data)
      expect((await ops('DELETE', `${keys}/${key.id}`)).status).toBe(204);
    expect((await ops('GET', keys)).body).toEqual({ data: [], next_cursor: null });
    expect((await ops('POST', keys, {})).body).toMatchObject({ name: 'unnamed' });
  });

  test('gets 404 for the keys of a workspace that there is not, or of another one', async () => {
    const [one, other] = [await api.workspace(), await api.workspace()];
    const key = (await ops('GET', `workspaces/${one.id}/api_keys`)).body.data[0];
    const gone = `workspaces/${ABSENT}/api_keys`;
    const answers = [
      await ops('GET', gone),
      await ops('POST', gone, { name: 'spare' }),
      await ops('DELETE', `${gone}/${key.id}`),
      await ops('DELETE', `workspaces/${other.id}/api_keys/${key.id}`),
      await ops('DELETE', `workspaces/${other.id}/api_keys/${ABSENT}`),
    ];
    expect(answers.map((answer) => [answer.status, answer.body.detail])).toEqual([
      [404, 'There is no such workspace.'],
      [404, 'There is no such workspace.'],
      [404, 'There is no such workspace.'],
      [404, 'There is no such key.'],
      [404, 'There is no such key.'],
    ]);
    expect(await status(one.api_key)).toBe(200);
  });

  test('makes one key for one Idempotency-Key, also of a workspace', async () => {
    const path = `/v1/ops/workspaces/${customer.id}/api_keys`;
    const headers = { 'idempotency-key': 'a key for a customer' };
    const make = (name: string) =>
      api.call('POST', path, { key: OPERATOR, body: { name }, headers });
    const first = await make('spare');
    const again = await make('spare');
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect((await make('another')).status).toBe(422);
  });

  test('may act only as an operator: a viewer reads', async () => {
    const { body: viewer } = await ops('POST', 'operators', { name: 'grace', role: 'viewer' });
    const call = (method: string, path: string, body?: unknown) =>
      request(api.app, method, `/v1/ops/${path}`, { key: viewer.api_key, body });
    expect((await call('GET', 'keys')).status).toBe(200);
    expect((await call('POST', 'keys', { workspace_id: customer.id })).status).toBe(403);
    expect((await call('POST', 'keys/revoke', { workspace_id: customer.id })).status).toBe(403);
    expect((await call('POST', `endpoints/${ABSENT}/try`)).status).toBe(403);
    expect((await call('PATCH', `endpoints/${ABSENT}`, { enabled: true })).status).toBe(403);
    const keys = `workspaces/${customer.id}/api_keys`;
    expect((await call('GET', keys)).status).toBe(200);
    expect((await call('POST', keys, {})).status).toBe(403);
    expect((await call('DELETE', `${keys}/${ABSENT}`)).status).toBe(403);
  });
});

test('the log refuses a verb that there is not, and names the nearest and all', async () => {
  const { status, body } = await ops('GET', 'log?verb=puase');
  expect(status).toBe(422);
  expect(body.errors[0].message).toMatch(/did you mean pause\? Known are pause, resume/);
  expect((await ops('GET', 'log?verb=limit%20endpoint')).status).toBe(200);
});
