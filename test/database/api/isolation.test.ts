import { beforeAll, describe, expect, test } from 'vitest';
import { notifications } from '../../../src/db/schema/notifications.ts';
import { deliveries } from '../../../src/db/schema/webhooks.ts';
import { bodies, fill, type Operation, operations, titleOf } from './openapi-operations.ts';
import { request, useApi } from './test-api.ts';

const api = useApi();

/** Everything that can have an id, all of the first workspace. */
let owned: Record<string, string>;
let stranger: string;
let routes: Operation[];

/** Whose id stands in each path. */
/** What all workspaces see. */
const shared = ['subscribers', 'event_types'];

const resourceOf = (path: string) => (/^\/v1\/(\w+)\/\{/.exec(path) ?? [])[1] ?? '';

beforeAll(async () => {
  const channel = await api.channel('ours');
  const { body: message } = await api.post(channel, { text: 'hello @grace' });
  const { body: key } = await api.call('POST', '/v1/api_keys', { body: { name: 'ours' } });
  const { body: endpoint } = await api.call('POST', '/v1/endpoints', {
    body: { url: 'https://example.com', event_types: ['*'] },
  });
  await api.call('PUT', '/v1/members/grace', { body: {} });
  const own = {
    workspace_id: api.workspaceId,
    message_id: message.id,
    channel_id: channel,
    event_id: message.event_id,
  };
  const [notification] = await api.database.db
    .insert(notifications)
    .values({ ...own, recipient: 'grace', kind: 'mention' })
    .returning();
  const [delivery] = await api.database.db
    .insert(deliveries)
    .values({
      workspace_id: api.workspaceId,
      endpoint_id: endpoint.id,
      event_type: 'endpoint.test',
    })
    .returning();
  owned = {
    channels: channel,
    messages: message.id,
    events: message.event_id,
    api_keys: key.id,
    endpoints: endpoint.id,
    deliveries: delivery!.id,
    notifications: notification!.id,
    members: 'grace',
  };
  stranger = (await api.workspace()).api_key;
  routes = (await operations(api.app)).filter(
    ({ path, operator }) => path.startsWith('/v1/') && !operator,
  );
});

describe("another workspace's things", () => {
  test('answer 404 on every route, in the very words of what does not exist', async () => {
    const mine = routes.filter(
      ({ path, method }) =>
        path.includes('{') && !shared.includes(resourceOf(path)) && method !== 'PUT',
    );
    expect(mine.length).toBeGreaterThan(15);
    for (const operation of mine) {
      const id = owned[resourceOf(operation.path)];
      expect(id, titleOf(operation)).toBeDefined();
      const ask = (path: string) =>
        request(api.app, operation.method, path, {
          key: stranger,
          body: bodies[titleOf(operation)],
        });
      const theirs = await ask(fill(operation, { id: id!, handle: id! }));
      const absent = await ask(fill(operation));
      expect({ [titleOf(operation)]: theirs.status }).toEqual({ [titleOf(operation)]: 404 });
      expect(theirs.body).toEqual(absent.body);
    }
  });

  test('are still there afterwards, for the workspace they belong to', async () => {
    for (const operation of routes.filter(
      ({ method, path }) => method === 'GET' && path.includes('{') && !path.includes('{name}'),
    )) {
      const id = owned[resourceOf(operation.path)]!;
      const { status } = await api.call('GET', fill(operation, { id, handle: id }));
      expect({ [titleOf(operation)]: status }).toEqual({ [titleOf(operation)]: 200 });
    }
    expect((await api.call('GET', '/v1/api_keys')).body.data).toHaveLength(2);
  });

  test('show in none of its lists', async () => {
    for (const operation of routes.filter(
      ({ method, path }) => method === 'GET' && !path.includes('{'),
    )) {
      if (shared.includes(operation.path.slice('/v1/'.length))) continue;
      const answer = await request(api.app, 'GET', fill(operation).replace('anything', 'grace'), {
        key: stranger,
      });
      expect(answer.status, titleOf(operation)).toBe(200);
      for (const id of Object.values(owned))
        expect(JSON.stringify(answer.body), titleOf(operation)).not.toContain(id);
    }
  });

  test('can be no filter: a channel that is not theirs answers 404', async () => {
    const filtered = routes.filter(({ parameters }) =>
      parameters.some(({ name }) => name === 'channel_id'),
    );
    expect(filtered.map(titleOf)).toEqual([
      'GET /v1/events',
      'GET /v1/search',
      'GET /v1/analytics/messages',
    ]);
    for (const operation of filtered) {
      const path = fill(operation);
      const answer = await request(
        api.app,
        'GET',
        `${path}${path.includes('?') ? '&' : '?'}channel_id=${owned.channels}`,
        {
          key: stranger,
        },
      );
      expect({ [titleOf(operation)]: answer.status }).toEqual({ [titleOf(operation)]: 404 });
    }
  });

  test('may have the same names: channels, members and idempotency keys are counted per workspace', async () => {
    const headers = { 'idempotency-key': 'same' };
    const first = await request(api.app, 'POST', '/v1/channels', {
      key: api.key,
      body: { name: 'twin' },
      headers,
    });
    const second = await request(api.app, 'POST', '/v1/channels', {
      key: stranger,
      body: { name: 'twin' },
      headers,
    });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).not.toBe(first.body.id);
    expect(
      (
        await request(api.app, 'PUT', '/v1/members/grace', {
          key: stranger,
          body: { email: 'g@example.com' },
        })
      ).status,
    ).toBe(200);
    expect((await api.call('GET', '/v1/members/grace')).body.email).toBeNull();
  });
});
