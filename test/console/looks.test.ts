import { beforeAll, expect, it } from 'vitest';
import { OPERATOR, request, useApi } from '../api/api.ts';
import { ABSENT } from '../api/walk.ts';

const api = useApi();
let [ours, theirs, channel, message, endpoint] = ['', '', '', '', ''];

const look = async (path: string) => {
  const { status, body } = await api.call('GET', `/v1/ops/${path}`, { key: OPERATOR });
  expect({ path, status }).toEqual({ path, status: 200 });
  return body;
};

beforeAll(async () => {
  channel = await api.channel('general');
  for (const text of ['one', 'two', 'three']) message = (await api.post(channel, { text })).body.id;
  ours = api.workspaceId;
  const other = await api.workspace();
  theirs = other.id;
  const { id } = (await request(api.app, 'POST', '/v1/channels', { key: other.api_key, body: { name: 'theirs' } })).body;
  await request(api.app, 'POST', `/v1/channels/${id}/messages`, { key: other.api_key, body: { author: 'bob', text: 'four' } });
  const hook = { url: 'https://example.com/hook', event_types: ['*'] };
  endpoint = (await request(api.app, 'POST', '/v1/endpoints', { key: other.api_key, body: hook })).body.id;
});

it('operators read the log of all workspaces, newest first, with whose each event is and without its text', async () => {
  const { data, next_cursor } = await look('events?type=message.created');
  expect(data.map((event: { channel_name: string }) => event.channel_name)).toEqual(['theirs', 'general', 'general', 'general']);
  expect(data[0]).toMatchObject({ workspace_id: theirs, workspace_name: 'Acme', type: 'message.created', seq: expect.any(Number) });
  expect(JSON.stringify(data)).not.toContain('four');
  expect(next_cursor).toBeNull();
  expect((await look('events')).data.length).toBeGreaterThanOrEqual(4);
});

it('the log can be narrowed to a workspace, a channel, a message and a time, and read page by page', async () => {
  const first = await look(`events?channel_id=${channel}&type=message.created&limit=2`);
  const second = await look(`events?channel_id=${channel}&type=message.created&limit=2&cursor=${first.next_cursor}`);
  expect([first.data.length, second.data.length, second.next_cursor]).toEqual([2, 1, null]);
  const ids = [...first.data, ...second.data].map((event: { id: string }) => event.id);
  expect(ids).toEqual([...ids].sort().reverse());
  expect((await look(`events?message_id=${message}`)).data).toHaveLength(1);
  expect((await look(`events?workspace_id=${theirs}&type=message.created`)).data).toHaveLength(1);
  const now = encodeURIComponent(new Date(Date.now() + 60_000).toISOString());
  const before = encodeURIComponent(new Date(Date.now() - 600_000).toISOString());
  expect((await look(`events?from=${now}`)).data).toHaveLength(0);
  expect((await look(`events?to=${before}`)).data).toHaveLength(0);
  expect((await look(`events?from=${before}&to=${now}&type=message.created`)).data).toHaveLength(4);
});

it('a workflow’s id leads to the events it was started with, that of a restarted one too', async () => {
  const [row] = await api.database.sql<{ event_id: string }[]>`select event_id from outbox where type = 'message.created' limit 1`;
  const [made] = await api.database.sql<{ id: string }[]>`
    insert into dispatches (id, type, size, subscribers) values (uuidv7(), 'message.created', 1, '{search}') returning id`;
  await api.database.sql`update outbox set dispatch_id = ${made!.id} where event_id = ${row!.event_id}`;
  for (const workflow of [made!.id, `${made!.id}.2`])
    expect((await look(`events?workflow_id=${workflow}`)).data.map((event: { id: string }) => event.id)).toEqual([row!.event_id]);
  expect((await look('events?workflow_id=replay-of-something')).data).toEqual([]);
  await api.database.sql`update outbox set dispatch_id = null where event_id = ${row!.event_id}`;
});

it('operators see a message’s journey and an event with all that became of it, in whatever workspace', async () => {
  const journey = await look(`messages/${message}/effects`);
  expect(journey).toMatchObject({
    message_id: message,
    events: [{ type: 'message.created', workspace_id: ours, channel_name: 'general', payload: { text: 'three' }, dispatched_at: null }],
  });
  const event = journey.events[0].id;
  const delivery = { workspace_id: ours, endpoint_id: endpoint, event_id: event, event_type: 'message.created' };
  const [made] = await api.database.sql<{ id: string }[]>`insert into deliveries ${api.database.sql(delivery)} returning id`;
  await api.database
    .sql`insert into delivery_attempts ${api.database.sql({ delivery_id: made!.id, status: 500, latency_ms: 3, error: 'HTTP 500' })}`;
  expect((await look(`events/${event}`)).deliveries).toEqual([
    {
      ...{ id: made!.id, endpoint_id: endpoint, url: 'https://example.com/hook', state: 'pending' },
      ...{ attempts: 1, status: 500, error: 'HTTP 500', delivered_at: null },
    },
  ]);
  expect((await look(`endpoints/${endpoint}/deliveries`)).data).toMatchObject([{ id: made!.id, attempts: [{ status: 500 }] }]);
  expect((await look(`endpoints/${endpoint}/deliveries?state=delivered`)).data).toEqual([]);
});

it('operators see the endpoints of all workspaces, and which of them fail, without their secrets', async () => {
  await api.database.sql`update endpoints set failing_since = now(), failures = 12, failing_cause = 'HTTP 500' where id = ${endpoint}`;
  const { data } = await look('endpoints?state=failing');
  expect(data).toMatchObject([{ id: endpoint, workspace_id: theirs, state: 'failing', failing_cause: 'HTTP 500', failures: 12 }]);
  expect(JSON.stringify(data)).not.toMatch(/secret/);
  expect((await look('endpoints?state=active')).data).toEqual([]);
  expect((await look(`endpoints/${endpoint}`)).url).toBe('https://example.com/hook');
  expect((await look('workspaces')).data.map(({ id }: { id: string }) => id)).toEqual([theirs, ours]);
});

it('what is not there answers 404', async () => {
  for (const path of [`events/${ABSENT}`, `messages/${ABSENT}/effects`, `endpoints/${ABSENT}`, `endpoints/${ABSENT}/deliveries`])
    expect((await api.call('GET', `/v1/ops/${path}`, { key: OPERATOR })).status).toBe(404);
});
