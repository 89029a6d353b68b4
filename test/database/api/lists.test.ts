import { describe, expect, test } from 'vitest';
import { auditEntries } from '../../../src/db/schema/audit.ts';
import { notifications } from '../../../src/db/schema/notifications.ts';
import { deliveries, deliveryAttempts } from '../../../src/db/schema/webhooks.ts';
import { emitOwn } from '../../../src/outbox/emit.ts';
import { ABSENT } from './openapi-operations.ts';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();

type Entry = Record<string, unknown>;

/** Follows a list to its end, doing something between two pages. */
async function pages(
  path: string,
  between: () => Promise<unknown> = async () => {},
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | null = null;
  do {
    const { status, body } = await api.call('GET', cursor ? `${path}&cursor=${cursor}` : path);
    expect(status).toBe(200);
    entries.push(...body.data);
    cursor = body.next_cursor;
    await between();
  } while (cursor);
  return entries;
}

async function channelWith(messages: number): Promise<string> {
  const channel = await api.channel();
  for (let n = 1; n <= messages; n++) await api.post(channel, { text: `message ${n}` });
  return channel;
}

const seqs = (entries: Entry[]) => entries.map(({ seq }) => seq);

describe('messages of a channel', () => {
  test('come newest first, and pages move by nothing that is posted meanwhile', async () => {
    const channel = await channelWith(7);
    const found = await pages(`/v1/channels/${channel}/messages?limit=2`, () => api.post(channel));
    expect(seqs(found)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  test('after a place come oldest first, and what is posted meanwhile comes too', async () => {
    const channel = await channelWith(5);
    let posts = 2;
    const found = await pages(
      `/v1/channels/${channel}/messages?after_seq=1&limit=2`,
      async () => posts-- > 0 && (await api.post(channel)),
    );
    expect(seqs(found)).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test('are left out where they were deleted, also the one that a cursor stands on', async () => {
    const channel = await channelWith(5);
    const { body: first } = await api.call('GET', `/v1/channels/${channel}/messages?limit=2`);
    await api.call('DELETE', `/v1/messages/${first.data[1].id}`);
    const rest = await api.call(
      'GET',
      `/v1/channels/${channel}/messages?limit=2&cursor=${first.next_cursor}`,
    );
    expect(seqs(rest.body.data)).toEqual([3, 2]);
    expect(seqs(await pages(`/v1/channels/${channel}/messages?limit=3`))).toEqual([5, 3, 2, 1]);
  });

  test('are 50 a page unless told otherwise, 200 at most, and the last page has no cursor', async () => {
    const channel = await api.channel();
    await Promise.all(Array.from({ length: 201 }, () => api.post(channel)));
    const sizes = async (query: string) => {
      const { body } = await api.call('GET', `/v1/channels/${channel}/messages${query}`);
      return [body.data.length, body.next_cursor === null];
    };
    expect(await sizes('')).toEqual([50, false]);
    expect(await sizes('?limit=200')).toEqual([200, false]);
    expect(await sizes('?limit=200&after_seq=1')).toEqual([200, true]);
    expect((await api.call('GET', `/v1/channels/${channel}/messages?limit=201`)).status).toBe(422);
  });
});

describe('the log', () => {
  test('comes newest first, by type and channel, and from a place of a channel on oldest first', async () => {
    const channel = await channelWith(3);
    const newest = await pages('/v1/events?limit=2');
    expect(newest.map(({ id }) => id)).toEqual(
      newest
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
    expect(seqs(await pages(`/v1/events?channel_id=${channel}&limit=2`))).toEqual([3, 2, 1, 0]);
    expect(seqs(await pages(`/v1/events?channel_id=${channel}&after_seq=0&limit=2`))).toEqual([
      1, 2, 3,
    ]);
    expect(
      seqs(await pages(`/v1/events?channel_id=${channel}&type=channel.created&limit=2`)),
    ).toEqual([0]);
  });

  test('shows an event as webhooks send it', async () => {
    const channel = await api.channel('shown');
    const { body } = await api.call('GET', `/v1/events?channel_id=${channel}`);
    expect(body.data).toEqual([
      {
        id: expect.any(String),
        type: 'channel.created',
        version: 1,
        workspace_id: api.workspaceId,
        channel_id: channel,
        message_id: null,
        key: channel,
        seq: 0,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        payload: { name: 'shown' },
      },
    ]);
  });

  test('finds the events of a key, in its own workspace alone', async () => {
    const [key, other] = ['invoice 42/ü', await api.workspace()];
    for (const workspaceId of [api.workspaceId, api.workspaceId, other.id])
      await api.database.db.transaction((tx) =>
        emitOwn(tx, { type: 'channel.created', workspaceId, key, payload: { name: 'none' } }),
      );
    const path = `/v1/events?key=${encodeURIComponent(key)}`;
    expect(seqs(await pages(`${path}&limit=1`))).toEqual([1, 0]);
    const [second] = await pages(`${path}&after_seq=0&limit=1`);
    expect(second).toMatchObject({ key, seq: 1, channel_id: null });
    expect(seqs((await api.call('GET', path, { key: other.api_key })).body.data)).toEqual([0]);
    const channel = await api.channel();
    expect(await pages(`/v1/events?key=${channel}&limit=2`)).toMatchObject([{ key: channel }]);
    expect(await pages('/v1/events?key=nobodys&limit=2')).toEqual([]);
    const both = await api.call('GET', `${path}&channel_id=${channel}`);
    expect(both).toMatchObject({ status: 422, body: { errors: [{ path: 'key' }] } });
    const ops = await api.call('GET', `/v1/ops/events?key=${encodeURIComponent(key)}`, {
      key: OPERATOR,
    });
    expect(ops).toMatchObject({ status: 422, body: { errors: [{ path: 'key' }] } });
    const found = await api.call(
      'GET',
      `/v1/ops/events?workspace_id=${other.id}&key=${encodeURIComponent(key)}`,
      { key: OPERATOR },
    );
    expect(found.body.data).toMatchObject([{ key, seq: 0, workspace_id: other.id }]);
  });

  test('says why after_seq wants a channel, and why a cursor of the other order is none', async () => {
    const channel = await channelWith(3);
    expect((await api.call('GET', '/v1/events?after_seq=1')).body.errors).toMatchObject([
      { path: 'after_seq' },
    ]);
    const { body } = await api.call('GET', `/v1/events?channel_id=${channel}&after_seq=0&limit=1`);
    const mixed = await api.call(
      'GET',
      `/v1/events?channel_id=${channel}&cursor=${body.next_cursor}`,
    );
    expect(mixed).toMatchObject({ status: 422, body: { errors: [{ path: 'cursor' }] } });
  });
});

test('channels come newest first, and one can be found by its name', async () => {
  const { api_key: key } = await api.workspace();
  for (const name of ['one', 'two', 'three'])
    await api.call('POST', '/v1/channels', { key, body: { name } });
  const { body } = await api.call('GET', '/v1/channels', { key });
  expect(body.data.map(({ name }: { name: string }) => name)).toEqual(['three', 'two', 'one']);
  expect((await api.call('GET', '/v1/channels?name=two', { key })).body.data).toHaveLength(1);
  expect((await api.call('POST', '/v1/channels', { key, body: { name: ' two ' } })).status).toBe(
    409,
  );
});

describe('members', () => {
  test('are put whole: what is left out is reset', async () => {
    const email = 'ada@example.com';
    await api.call('PUT', '/v1/members/ada', {
      body: { email, display_name: 'Ada Lovelace', emails: 'none' },
    });
    expect((await api.call('GET', '/v1/members/ada')).body).toMatchObject({
      handle: 'ada',
      email,
      display_name: 'Ada Lovelace',
      emails: 'none',
    });
    const { body } = await api.call('PUT', '/v1/members/ada', { body: { email } });
    expect(body).toMatchObject({ email, display_name: null, emails: 'mentions' });
    expect((await api.call('DELETE', '/v1/members/ada')).status).toBe(204);
    expect((await api.call('GET', '/v1/members/ada')).status).toBe(404);
  });

  test('are listed by handle, with handles from everywhere', async () => {
    const handles = ['émile', 'b', '|away|', 'Zoë', 'a/b', '日本', 'a'];
    for (const handle of handles) {
      const { body } = await api.call('PUT', `/v1/members/${encodeURIComponent(handle)}`, {
        body: {},
      });
      expect(body.handle).toBe(handle);
    }
    const found = (await pages('/v1/members?limit=2')).map(({ handle }) => handle);
    expect(found).toHaveLength(7);
    expect(new Set(found)).toEqual(new Set(handles));
  });

  test('have addresses that mail can be sent to, and handles that can be mentioned', async () => {
    for (const email of [
      'ada',
      'ada@',
      'a b@c.d',
      'ada@example.com\r\nBcc: x@y.z',
      '<ada@example.com>',
      '',
    ]) {
      expect(
        (await api.call('PUT', '/v1/members/ada', { body: { email } })).body.errors,
        email,
      ).toMatchObject([{ path: 'email' }]);
    }
    for (const handle of ['a b', '@ada', 'a\u0000', 'x'.repeat(65), 'a\n']) {
      const { status, body } = await api.call('PUT', `/v1/members/${encodeURIComponent(handle)}`, {
        body: {},
      });
      expect({ handle, status, errors: body.errors }).toMatchObject({
        handle,
        status: 422,
        errors: [{ path: 'handle' }],
      });
    }
  });
});

test('notifications come newest first for their recipient, and the first reading counts', async () => {
  const channel = await channelWith(3);
  const { body: messages } = await api.call('GET', `/v1/channels/${channel}/messages`);
  const row = {
    workspace_id: api.workspaceId,
    channel_id: channel,
    kind: 'mention' as const,
    event_id: ABSENT,
  };
  for (const { id } of messages.data.toReversed()) {
    for (const recipient of ['grace', 'ada'])
      await api.database.db.insert(notifications).values({ ...row, message_id: id, recipient });
  }
  const found = await pages('/v1/notifications?recipient=grace&limit=2');
  expect(found.map(({ message_id }) => message_id)).toEqual(
    messages.data.map(({ id }: Entry) => id),
  );
  expect(found[0]).toMatchObject({
    recipient: 'grace',
    kind: 'mention',
    read_at: null,
    emailed_at: null,
    channel_id: channel,
  });
  const first = await api.call('POST', `/v1/notifications/${found[0]!.id}/read`);
  const second = await api.call('POST', `/v1/notifications/${found[0]!.id}/read`);
  expect(first).toMatchObject({ status: 200, body: { read_at: expect.any(String) } });
  expect(second.body).toEqual(first.body);
  expect(await pages('/v1/notifications?recipient=grace&unread=true&limit=9')).toHaveLength(2);
  expect(await pages('/v1/notifications?recipient=grace&unread=false&limit=9')).toHaveLength(1);
  expect((await api.call('GET', '/v1/notifications?recipient=grace&unread=maybe')).status).toBe(
    422,
  );
  expect((await api.call('GET', '/v1/notifications')).body.errors).toMatchObject([
    { path: 'recipient' },
  ]);
});

test('the audit chain is listed with its hashes in hex, in both directions', async () => {
  const { id: workspace_id, api_key: key } = await api.workspace();
  const [digest, previous, hash] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  for (let position = 1; position <= 3; position++) {
    const event_id = `01995b0e-0000-7000-8000-00000000000${position}`;
    await api.database.db.insert(auditEntries).values({
      workspace_id,
      position,
      event_id,
      event_type: 'message.created',
      digest,
      previous,
      hash,
    });
  }
  const { body: down } = await api.call('GET', '/v1/audit?limit=2', { key });
  expect(down.data.map(({ position }: Entry) => position)).toEqual([3, 2]);
  expect(down.data[0]).toMatchObject({
    digest: '01'.repeat(32),
    previous: '02'.repeat(32),
    hash: '03'.repeat(32),
  });
  const { body: up } = await api.call('GET', '/v1/audit?after_position=1', { key });
  expect(up.data.map(({ position }: Entry) => position)).toEqual([2, 3]);
  expect((await api.call('GET', '/v1/audit/verify', { key })).body).toEqual({
    valid: true,
    entries: 0,
    head: null,
    broken_at: null,
  });
});

describe('endpoints', () => {
  const url = 'https://example.com/hooks';

  test('show their secret once, and keep it sealed', async () => {
    const { status, body } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['message.created', 'message.created'], description: 'orders' },
    });
    expect(status).toBe(201);
    expect(Buffer.from(body.secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
    const { secret, ...endpoint } = body;
    expect(endpoint).toMatchObject({
      url,
      event_types: ['message.created'],
      description: 'orders',
    });
    expect((await api.call('GET', `/v1/endpoints/${body.id}`)).body).toEqual(endpoint);
    expect(JSON.stringify((await api.call('GET', '/v1/endpoints')).body)).not.toContain(secret);
    const stored = await api.database.db.query.endpoints.findFirst();
    expect(stored!.secret).not.toContain(secret.slice(6));
    expect(api.seal.open(stored!.secret)).toBe(secret);
  });

  test('refuse URLs that no webhook may go to, when made and when changed', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    for (const bad of [
      'ftp://example.com',
      'javascript:alert(1)',
      '/hooks',
      'http://',
      'https://a:b@example.com',
      'http://10.0.0.1/',
      'file:///etc/passwd',
      `https://e.com/${'x'.repeat(2048)}`,
    ]) {
      const made = await api.call('POST', '/v1/endpoints', {
        body: { url: bad, event_types: ['*'] },
      });
      const changed = await api.call('PATCH', `/v1/endpoints/${endpoint.id}`, {
        body: { url: bad },
      });
      for (const { status, body } of [made, changed])
        expect({ bad, status, path: body.errors?.[0].path }).toEqual({
          bad,
          status: 422,
          path: 'url',
        });
    }
  });

  test('name the near spelling of an event type that is not declared', async () => {
    const { body } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['message.create'] },
    });
    expect(body.errors[0]).toMatchObject({
      path: 'event_types.0',
      message: expect.stringContaining('did you mean message.created?'),
    });
    expect(
      (await api.call('POST', '/v1/endpoints', { body: { url, event_types: [] } })).status,
    ).toBe(422);
  });

  test('are changed field by field, and a change is something', async () => {
    const { body: made } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'], description: 'orders' },
    });
    const { secret: _, ...endpoint } = made;
    const { body } = await api.call('PATCH', `/v1/endpoints/${endpoint.id}`, {
      body: { event_types: ['message.deleted'] },
    });
    expect(body).toEqual({
      ...endpoint,
      event_types: ['message.deleted'],
      updated_at: body.updated_at,
    });
    expect(
      (await api.call('PATCH', `/v1/endpoints/${endpoint.id}`, { body: { description: null } }))
        .body.description,
    ).toBeNull();
    expect((await api.call('PATCH', `/v1/endpoints/${endpoint.id}`, { body: {} })).status).toBe(
      422,
    );
    expect((await api.call('DELETE', `/v1/endpoints/${endpoint.id}`)).status).toBe(204);
    expect((await api.call('GET', `/v1/endpoints/${endpoint.id}/deliveries`)).status).toBe(404);
  });

  test('list their deliveries newest first, with every attempt in its order', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    const own = {
      workspace_id: api.workspaceId,
      endpoint_id: endpoint.id,
      event_type: 'message.created',
    };
    for (const state of ['delivered', 'failed'] as const) {
      const [row] = await api.database.db
        .insert(deliveries)
        .values({ ...own, state })
        .returning();
      for (const status of [500, null, 200]) {
        const attempt = {
          delivery_id: row!.id,
          status,
          latency_ms: 7,
          error: status ? null : 'timeout',
          response_excerpt: status ? 'body' : null,
        };
        await api.database.db.insert(deliveryAttempts).values(attempt);
      }
    }
    const found = await pages(`/v1/endpoints/${endpoint.id}/deliveries?limit=1`);
    expect(found.map(({ state }) => state)).toEqual(['failed', 'delivered']);
    expect(found[0]!.attempts).toMatchObject([
      { status: 500 },
      { status: null, error: 'timeout', latency_ms: 7 },
      { status: 200, response_excerpt: 'body' },
    ]);
    expect(await pages(`/v1/endpoints/${endpoint.id}/deliveries?state=failed`)).toHaveLength(1);
  });

  test('are sent a test at once, and the answer says what came back', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    const { status, body } = await api.call('POST', `/v1/endpoints/${endpoint.id}/test`);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { status: 200, latency_ms: 3, error: null, response_excerpt: 'ok' },
    });
  });

  test('have a limit where one is set, from one in a hundred seconds to 10,000 a second; null takes it away', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'], max_per_second: 0.5 },
    });
    expect(endpoint).toMatchObject({
      max_per_second: 0.5,
      state: 'active',
      failures: 0,
      failing_since: null,
      next_try_at: null,
    });
    const patch = (max_per_second: unknown) =>
      api.call('PATCH', `/v1/endpoints/${endpoint.id}`, { body: { max_per_second } });
    for (const wrong of [0, -1, 0.001, 10_001, '5', true, []]) {
      const { status, body } = await patch(wrong);
      expect([wrong, status, body.errors?.[0]?.path]).toEqual([wrong, 422, 'max_per_second']);
    }
    expect((await patch(250)).body.max_per_second).toBe(250);
    expect((await patch(null)).body.max_per_second).toBeNull();
    expect(
      (await api.call('POST', '/v1/endpoints', { body: { url, event_types: ['*'] } })).body
        .max_per_second,
    ).toBeNull();
  });

  test('say that they are failing and when they are tried again, until their URL is changed', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    await api.database
      .pg`update knockon.endpoints set failures = 12, failing_since = now(), probe_at = now() + interval '30 s' where id = ${endpoint.id}`;
    const { body } = await api.call('GET', `/v1/endpoints/${endpoint.id}`);
    expect(body).toMatchObject({ state: 'failing', failures: 12 });
    expect(Date.parse(body.next_try_at)).toBeGreaterThan(Date.parse(body.failing_since));
    const patch = (change: object) =>
      api.call('PATCH', `/v1/endpoints/${endpoint.id}`, { body: change });
    expect((await patch({ description: 'still' })).body.state).toBe('failing');
    expect((await patch({ url: 'https://example.com/mended' })).body).toMatchObject({
      state: 'active',
      failures: 0,
      next_try_at: null,
    });
  });

  test('are disabled and enabled by their owner: what waits is missed, and what they failed is forgotten', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    expect(endpoint).toMatchObject({ state: 'active', disabled: null, resting_until: null });
    const patch = (change: object) =>
      api.call('PATCH', `/v1/endpoints/${endpoint.id}`, { body: change });
    for (const wrong of ['yes', 1, null]) {
      const { status, body } = await patch({ enabled: wrong });
      expect([status, body.errors?.[0]?.path]).toEqual([422, 'enabled']);
    }
    await api.database
      .pg`update knockon.endpoints set failures = 12, failing_since = now(), probe_at = now(), resting_until = now() + interval '1 day' where id = ${endpoint.id}`;
    const [delivery] = await api.database
      .pg`insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type)
      values (${api.workspaceId}, ${endpoint.id}, knockon.uuidv7(), 'message.created') returning id`;
    const { body: disabled } = await patch({ enabled: false });
    expect(disabled).toMatchObject({
      state: 'disabled',
      disabled: { by: 'owner', at: expect.any(String), reason: expect.stringContaining('owner') },
    });
    expect((await patch({ enabled: false })).body.disabled).toEqual(disabled.disabled);
    expect(await pages(`/v1/endpoints/${endpoint.id}/deliveries?state=missed`)).toMatchObject([
      { id: delivery!.id, state: 'missed' },
    ]);
    const enabled = {
      state: 'active',
      disabled: null,
      failures: 0,
      failing_since: null,
      next_try_at: null,
      resting_until: null,
    };
    expect((await patch({ enabled: true })).body).toMatchObject(enabled);
  });

  test('that answered 410 say so, and are listed as disabled to operators', async () => {
    const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'] },
    });
    await api.database
      .pg`update knockon.endpoints set disabled_at = now(), disabled_by = 'endpoint', disabled_reason = 'It answered HTTP 410 (Gone).', failing_since = now()
      where id = ${endpoint.id}`;
    const { body } = await api.call('GET', `/v1/endpoints/${endpoint.id}`);
    expect(body).toMatchObject({
      state: 'disabled',
      disabled: { by: 'endpoint', reason: 'It answered HTTP 410 (Gone).' },
    });
    const listed = async (state: string) => {
      const { body } = await api.call('GET', `/v1/ops/endpoints?state=${state}&limit=200`, {
        key: OPERATOR,
      });
      return body.data.map(({ id }: { id: string }) => id).includes(endpoint.id);
    };
    expect([await listed('disabled'), await listed('failing'), await listed('active')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('a list of large entries', () => {
  test('answers a few megabytes at a time, and misses none', async () => {
    const channel = await api.channel();
    const metadata = { filler: 'x'.repeat(14_000) };
    for (let n = 0; n < 120; n += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          api.post(channel, { text: `${n + i} ${'é'.repeat(39_000)}`, metadata }),
        ),
      );
    const orders = [
      `/v1/channels/${channel}/messages?`,
      `/v1/channels/${channel}/messages?after_seq=0&`,
      `/v1/events?channel_id=${channel}&`,
    ];
    for (const path of orders) {
      const seen = new Set<string>();
      let pages = 0;
      for (let cursor: string | null = ''; cursor !== null; pages += 1) {
        const { body } = await api.call('GET', `${path}limit=200${cursor && `&cursor=${cursor}`}`);
        expect(body.data.length).toBeLessThan(100);
        for (const { id } of body.data) seen.add(id);
        cursor = body.next_cursor;
      }
      expect([seen.size >= 120, pages > 1]).toEqual([true, true]);
    }
  });
});

describe('a cursor', () => {
  test('is the id or the place of the last entry itself, where the list goes by it', async () => {
    const channel = await channelWith(3);
    const messages = await api.call('GET', `/v1/channels/${channel}/messages?limit=2`);
    expect(messages.body.next_cursor).toBe('2');
    await api.channel();
    const channels = await api.call('GET', '/v1/channels?limit=1');
    expect(channels.body.next_cursor).toBe(channels.body.data[0].id);
  });

  test('leads on where a handle looks like a place or an id', async () => {
    const handles = ['1', '22', '333', ABSENT, 'ada'];
    for (const handle of handles) await api.call('PUT', `/v1/members/${handle}`, { body: {} });
    const found = (await pages('/v1/members?limit=1')).map(({ handle }) => handle);
    expect(found.filter((handle) => handles.includes(String(handle))).sort()).toEqual(
      [...handles].sort(),
    );
  });
});
