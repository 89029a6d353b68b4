import { describe, expect, it } from 'vitest';
import { OWN_SUBSCRIBERS } from '../../../src/outbox/subscribers.ts';
import { subscribe as register } from '../../harness/messaging.ts';
import { type CallOptions, OPERATOR, useApi } from './test-api.ts';

const tried = {
  call_id: 'call_1',
  status: 204,
  latency_ms: 3,
  error: null,
  response_excerpt: null,
};
const api = useApi({
  trySubscriber: async (name) => (name === 'billing' ? tried : undefined),
});

const path = '/v1/ops/subscribers/billing';
const asked = { url: 'https://billing.example.com/events', event_types: ['message.created'] };
const call = (method: string, to = path, options: CallOptions = {}) =>
  api.call(method, to, { key: OPERATOR, ...options });
const put = (body: object, to = path) => call('PUT', to, { body });
const sealed = async () =>
  (await api.database.pg`select secret, previous_secret from knockon.http_subscribers`)[0]!;

describe('an HTTP subscriber', () => {
  it('is subscribed with a secret that is shown once, and changed afterwards', async () => {
    const { status, body } = await put({ ...asked, timeout: '5s', per_second: 50 });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'billing',
      host: 'http',
      task_queue: 'effects.billing',
      event_types: ['message.created'],
      per_second: 50,
      http: { url: asked.url, ordering: 'none', batch: 100, timeout: '5s', attempts: 20 },
    });
    expect(api.seal.open((await sealed()).secret)).toBe(body.secret);

    const changed = await put({ ...asked, batch: 7, ordering: 'key', attempts: 0 });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      per_second: 50,
      http: { ordering: 'key', batch: 7, timeout: '30s', attempts: 0 },
    });
    expect(changed.body.secret).toBeUndefined();
    expect((await put({ ...asked, per_second: null })).body.per_second).toBeNull();
  });

  it('is debounced where it is asked for, and not any more where it is not', async () => {
    const given = await put({ ...asked, debounce: { by: 'key', wait: '30s', most: '5m' } });
    expect(given.body.http.debounce).toEqual({ by: 'key', wait: '30s', most: '300s' });
    expect((await put({ ...asked, debounce: { wait: '5h' } })).body.http.debounce).toEqual({
      by: 'key',
      wait: '18000s',
      most: '86400s',
    });
    expect((await put({ ...asked, debounce: null })).body.http.debounce).toBeNull();
    expect((await put(asked)).body.http.debounce).toBeNull();
  });

  it.each(['Billing', 'a.b', 'a'.repeat(64), '9a'])(
    'is told what is wrong with %s',
    async (name) => {
      const { status, body } = await put(asked, `/v1/ops/subscribers/${name}`);
      expect(status).toBe(422);
      expect(body.errors).toEqual([
        { path: 'name', message: expect.stringContaining('lower-case letters') },
      ]);
    },
  );

  it('is subscribed to patterns of event types', async () => {
    const event_types = ['message.*', 'channel.created'];
    expect((await put({ ...asked, event_types })).body).toMatchObject({ event_types });
    expect((await put({ ...asked, event_types: ['*'] })).body).toMatchObject({
      event_types: ['*'],
    });
  });

  it('gets a new secret, and the old one signs too for a day', async () => {
    const before = await sealed();
    const { status, body } = await call('POST', `${path}/rotate_secret`);
    expect(status).toBe(200);
    expect(Date.parse(body.previous_until)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    expect(await sealed()).toMatchObject({ previous_secret: before.secret });
    expect(api.seal.open((await sealed()).secret)).toBe(body.secret);
    expect((await call('GET')).body.http.previous_until).toBe(body.previous_until);
    expect((await call('POST', '/v1/ops/subscribers/nobody/rotate_secret')).status).toBe(404);
  });

  it('is tried, and who is not there is not', async () => {
    expect(await call('POST', `${path}/try`)).toMatchObject({ status: 200, body: tried });
    expect((await call('POST', '/v1/ops/subscribers/nobody/try')).status).toBe(404);
  });

  it('is retired, and subscribed again', async () => {
    const { status, body } = await call('DELETE');
    expect(status).toBe(202);
    expect(body).toMatchObject({ verb: 'retire' });
    expect((await call('GET')).body).toMatchObject({ state: 'retired' });
    expect(await put(asked)).toMatchObject({ status: 200, body: { state: 'active' } });
    expect((await call('DELETE', '/v1/ops/subscribers/nobody')).status).toBe(404);
  });

  it('does not take the name of an effect', async () => {
    await register(api.database, { name: 'greetings' });
    const { status, body } = await put(asked, '/v1/ops/subscribers/greetings');
    expect(status).toBe(409);
    expect(body.detail).toContain('the name greetings belongs to an effect of our workers');
    for (const name of OWN_SUBSCRIBERS)
      expect((await put(asked, `/v1/ops/subscribers/${name}`)).status).toBe(409);
  });

  it('limits what one workspace may take, and leaves that as it is where it is not said', async () => {
    const limited = await put({ ...asked, per_workspace: { concurrency: 4, per_second: 100 } });
    const all = { concurrency: 4, per_second: 100, own: [] };
    expect(limited.body.per_workspace).toEqual(all);
    expect((await put(asked)).body.per_workspace).toEqual(all);
    const changed = await put({ ...asked, per_workspace: { per_second: null } });
    expect(changed.body.per_workspace).toEqual({ ...all, per_second: null });
    const off = { per_workspace: { concurrency: null } };
    expect((await put({ ...asked, ...off })).body.per_workspace.concurrency).toBeNull();
  });

  it.each([
    [{ url: 'ftp://example.com' }, 'url', /http: or https:/],
    [{ url: 'https://10.0.0.1/' }, 'url', /private address/],
    [{ event_types: [] }, 'event_types', /at least one/],
    [{ event_types: ['invoice.payed'] }, 'event_types.0', /./],
    [{ event_types: ['*', 'mess*'] }, 'event_types.1', /is no pattern .* message\.\*, or \* for/],
    [{ event_types: ['*.created'] }, 'event_types.0', /is no pattern of event types; give/],
    [{ event_types: ['mesage.*'] }, 'event_types.0', /no event type; did you mean message\.\*\?/],
    [{ batch: 0 }, 'batch', /whole number from 1 to 1000/],
    [{ batch: 2.5 }, 'batch', /whole number from 1 to 1000/],
    [{ timeout: '6m' }, 'timeout', /from 1s to 5m/],
    [{ timeout: 30 }, 'timeout', /from 1s to 5m/],
    [{ debounce: { by: 'type', wait: '1s' } }, 'debounce.by', /must be "key"/],
    [{ debounce: { wait: 'long' } }, 'debounce.wait', /duration up to 24h/],
    [{ debounce: { wait: '25h' } }, 'debounce.wait', /duration up to 24h/],
    [{ debounce: { wait: '1m', most: '30s' } }, 'debounce.most', /not be shorter than `wait`/],
    [{ debounce: { wait: '1m' }, ordering: 'key' }, 'debounce', /not for an ordered subscriber/],
    [{ attempts: -1 }, 'attempts', /whole number from 0 to 1000/],
    [{ ordering: 'channel' }, 'ordering', /none, key or exclusive/],
    [{ per_workspace: {} }, 'per_workspace', /must have concurrency or per_second/],
    [{ per_workspace: { concurrency: 0 } }, 'per_workspace.concurrency', /./],
    [{ per_workspace: { own: [] } }, 'per_workspace.own', /./],
    [{ secret: 'mine' }, 'secret', /./],
  ])('is refused with %o', async (wrong, at, message) => {
    const { status, body } = await put({ ...asked, ...wrong });
    expect(status).toBe(422);
    expect(body.errors[0].path).toBe(at);
    expect(body.errors[0].message).toMatch(message);
  });
});

describe('what one workspace may take of it', () => {
  it('is set with all else that a request says, or nothing of it is', async () => {
    const { pg } = api.database;
    const all = () => pg`
      select (select url from knockon.http_subscribers where name = 'billing') as url,
        (select count(*) from knockon.action_log where subject = 'billing')::int as logged,
        (select per_second from knockon.controls where subscriber = 'billing') as per_second`;
    const before = await all();
    await pg`create function refuse_limit() returns trigger language plpgsql
      as 'begin raise exception ''no limits today''; end'`;
    await pg`create trigger refuse before insert on knockon.workspace_limits
      for each row execute function refuse_limit()`;
    const other = { url: 'https://other.example.com/', event_types: ['message.created'] };
    const refused = await put({ ...other, per_second: 77, per_workspace: { concurrency: 3 } });
    await pg`drop function refuse_limit cascade`;
    expect(refused.status).toBe(500);
    expect(await all()).toEqual(before);
  });

  const limit = (body: object, name = 'billing') =>
    call('PUT', `/v1/ops/subscribers/${name}/workspace_limit`, { body });

  it('is said for all workspaces and for one, value by value, and taken off again', async () => {
    await put(asked);
    const none = { concurrency: null, per_second: null, own: [] };
    expect((await call('GET')).body.per_workspace).toEqual(none);
    expect((await limit({ concurrency: 4 })).body.per_workspace).toEqual({
      ...none,
      concurrency: 4,
    });
    await limit({ per_second: 100 });
    const workspace_id = api.workspaceId;
    const { status, body } = await limit({ workspace_id, per_second: 0.5 });
    expect(status).toBe(200);
    expect(body.per_workspace).toEqual({
      concurrency: 4,
      per_second: 100,
      own: [{ workspace_id, concurrency: null, per_second: 0.5 }],
    });
    await limit({ workspace_id, per_second: null });
    expect((await limit({ concurrency: null, per_second: null })).body.per_workspace).toEqual(none);
    const log = await call('GET', '/v1/ops/log?verb=limit%20workspaces&limit=1');
    expect(log.body.data[0]).toMatchObject({
      subject: 'billing',
      detail: { concurrency: 'off', per_second: 'off' },
    });
  });

  it.each([
    [{}, 422, 'the body'],
    [{ concurrency: 0 }, 422, 'concurrency'],
    [{ concurrency: 1.5 }, 422, 'concurrency'],
    [{ per_second: 0 }, 422, 'per_second'],
    [{ concurrency: 1, workspace_id: 'Acme' }, 422, 'workspace_id'],
    [{ concurrency: 1, workspace_id: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70' }, 422, 'workspace_id'],
  ])('is refused where it is nonsense: %j', async (body, status, field) => {
    expect(await limit(body)).toMatchObject({
      status,
      body: { detail: expect.stringContaining(field) },
    });
  });

  it('is refused for a Temporal worker of its own, which says where to limit it', async () => {
    await api.database.pg`
      insert into knockon.subscribers (name, event_types, task_queue, activity, host, batch, timeout_ms, retry)
      values ('gopher', '{*}', 'effects.gopher', 'gopher', 'worker', 1, 1000, '{}')`;
    const { status, body } = await limit({ concurrency: 1 }, 'gopher');
    expect(status).toBe(422);
    expect(body.errors[0].message).toContain('takes its calls itself');
    expect((await limit({ concurrency: 1 }, 'nobody')).status).toBe(404);
    await api.database.pg`delete from knockon.subscribers where name = 'gopher'`;
  });
});
