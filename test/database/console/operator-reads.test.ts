import { beforeAll, expect, it } from 'vitest';
import { checkWorkers } from '../../../src/ops/doctor/subscribers.ts';
import { ABSENT } from '../api/openapi-operations.ts';
import { OPERATOR, request, useApi } from '../api/test-api.ts';

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
  const { id } = (
    await request(api.app, 'POST', '/v1/channels', { key: other.api_key, body: { name: 'theirs' } })
  ).body;
  await request(api.app, 'POST', `/v1/channels/${id}/messages`, {
    key: other.api_key,
    body: { author: 'bob', text: 'four' },
  });
  const hook = { url: 'https://example.com/hook', event_types: ['*'] };
  endpoint = (await request(api.app, 'POST', '/v1/endpoints', { key: other.api_key, body: hook }))
    .body.id;
});

it('operators read the log of all workspaces, newest first, with whose each event is and without its text', async () => {
  const { data, next_cursor } = await look('events?type=message.created');
  expect(data.map((event: { channel_name: string }) => event.channel_name)).toEqual([
    'theirs',
    'general',
    'general',
    'general',
  ]);
  expect(data[0]).toMatchObject({
    workspace_id: theirs,
    workspace_name: 'Acme',
    type: 'message.created',
    seq: expect.any(Number),
  });
  expect(JSON.stringify(data)).not.toContain('four');
  expect(next_cursor).toBeNull();
  expect((await look('events')).data.length).toBeGreaterThanOrEqual(4);
});

it('the log can be narrowed to a workspace, a channel, a message and a time, and read page by page', async () => {
  const first = await look(`events?channel_id=${channel}&type=message.created&limit=2`);
  const second = await look(
    `events?channel_id=${channel}&type=message.created&limit=2&cursor=${first.next_cursor}`,
  );
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
  const [row] = await api.database.pg<
    { event_id: string }[]
  >`select event_id from knockon.outbox where type = 'message.created' limit 1`;
  const [made] = await api.database.pg<{ id: string }[]>`
    insert into knockon.dispatches (id, type, size, subscribers) values (knockon.uuidv7(), 'message.created', 1, '{search}') returning id`;
  await api.database
    .pg`update knockon.outbox set dispatch_id = ${made!.id} where event_id = ${row!.event_id}`;
  for (const workflow of [made!.id, `${made!.id}.2`])
    expect(
      (await look(`events?workflow_id=${workflow}`)).data.map((event: { id: string }) => event.id),
    ).toEqual([row!.event_id]);
  expect((await look('events?workflow_id=replay-of-something')).data).toEqual([]);
  await api.database
    .pg`update knockon.outbox set dispatch_id = null where event_id = ${row!.event_id}`;
});

it('operators see a message’s journey and an event with all that became of it, in whatever workspace', async () => {
  const journey = await look(`messages/${message}/effects`);
  expect(journey).toMatchObject({
    message_id: message,
    events: [
      {
        type: 'message.created',
        workspace_id: ours,
        channel_name: 'general',
        payload: { text: 'three' },
        dispatched_at: null,
      },
    ],
  });
  const event = journey.events[0].id;
  const delivery = {
    workspace_id: ours,
    endpoint_id: endpoint,
    event_id: event,
    event_type: 'message.created',
  };
  const [made] = await api.database.pg<
    { id: string }[]
  >`insert into knockon.deliveries ${api.database.pg(delivery)} returning id`;
  await api.database
    .pg`insert into knockon.delivery_attempts ${api.database.pg({ delivery_id: made!.id, status: 500, latency_ms: 3, error: 'HTTP 500' })}`;
  expect((await look(`events/${event}`)).deliveries).toEqual([
    {
      ...{ id: made!.id, endpoint_id: endpoint, url: 'https://example.com/hook', state: 'pending' },
      ...{ attempts: 1, status: 500, error: 'HTTP 500', delivered_at: null },
      tries: [
        {
          attempted_at: expect.any(String),
          status: 500,
          latency_ms: 3,
          error: 'HTTP 500',
          response_excerpt: null,
        },
      ],
    },
  ]);
  expect((await look(`endpoints/${endpoint}/deliveries`)).data).toMatchObject([
    { id: made!.id, attempts: [{ status: 500 }] },
  ]);
  expect((await look(`endpoints/${endpoint}/deliveries?state=delivered`)).data).toEqual([]);
});

it('operators see the endpoints of all workspaces, and which of them fail, without their secrets', async () => {
  await api.database
    .pg`update knockon.endpoints set failing_since = now(), failures = 12, failing_cause = 'HTTP 500' where id = ${endpoint}`;
  const { data } = await look('endpoints?state=failing');
  expect(data).toMatchObject([
    {
      id: endpoint,
      workspace_id: theirs,
      state: 'failing',
      failing_cause: 'HTTP 500',
      failures: 12,
    },
  ]);
  expect(JSON.stringify(data)).not.toMatch(/secret/);
  expect((await look('endpoints?state=active')).data).toEqual([]);
  expect((await look(`endpoints/${endpoint}`)).url).toBe('https://example.com/hook');
  expect((await look('workspaces')).data.map(({ id }: { id: string }) => id)).toEqual([
    theirs,
    ours,
  ]);
});

it('a delivery that was given up is failed and not pending, to operators and to its workspace, until somebody tries it again', async () => {
  const posted = (await api.post(channel, { text: 'five' })).body;
  const own = (
    await api.call('POST', '/v1/endpoints', {
      body: { url: 'https://example.com/own', event_types: ['*'] },
    })
  ).body.id;
  const { pg } = api.database;
  const delivery = {
    workspace_id: ours,
    endpoint_id: own,
    event_id: posted.event_id,
    event_type: 'message.created',
  };
  await pg`insert into knockon.deliveries ${pg(delivery)}`;
  const shown = async () => {
    const [event, ops, theirs] = [
      await look(`events/${posted.event_id}`),
      await look(`endpoints/${own}/deliveries`),
      (await api.call('GET', `/v1/endpoints/${own}/deliveries`)).body,
    ];
    return [event.deliveries[0].state, ops.data[0].state, theirs.data[0].state];
  };
  const all = (state: string) => [state, state, state];
  expect(await shown()).toEqual(all('pending'));
  const letter = {
    event_id: posted.event_id,
    subscriber: 'webhooks',
    dispatch_id: ABSENT,
    cause: 'HTTP 500',
    reason: 'it answered 500',
  };
  for (const target of [own, '']) {
    await pg`insert into knockon.dead_letters ${pg({ ...letter, target })}`;
    expect(await shown()).toEqual(all('failed'));
    expect((await look(`endpoints/${own}/deliveries?state=failed`)).data).toHaveLength(1);
    expect((await look(`endpoints/${own}/deliveries?state=pending`)).data).toHaveLength(0);
    await pg`delete from knockon.dead_letters where event_id = ${posted.event_id}`;
  }
  // Somebody else's endpoint has been given up; this one is still to come.
  await pg`insert into knockon.dead_letters ${pg({ ...letter, target: endpoint })}`;
  expect(await shown()).toEqual(all('pending'));
  await pg`delete from knockon.dead_letters where event_id = ${posted.event_id}`;
  const [job] = await pg<
    { id: string }[]
  >`insert into knockon.operations (verb, input, by) values ('retry', '{}', 'ada') returning id`;
  await pg`insert into knockon.operation_dispatches (dispatch_id, operation_id) values (${ABSENT}, ${job!.id})`;
  await pg`insert into knockon.dead_letters ${pg({ ...letter, target: own, retried_by: ABSENT })}`;
  const letters = async () => (await look(`events/${posted.event_id}`)).effects[0].letters;
  expect(await shown()).toEqual(all('pending'));
  expect(await letters()).toMatchObject([
    { target: own, cause: 'HTTP 500', reason: 'it answered 500', retrying: true },
  ]);
  await pg`delete from knockon.operation_dispatches`;
  expect(await shown()).toEqual(all('failed'));
  expect(await letters()).toMatchObject([{ target: own, retrying: false }]);
  await pg`delete from knockon.dead_letters where event_id = ${posted.event_id}`;
  await pg`insert into knockon.discards ${pg({ event_id: posted.event_id, subscriber: 'webhooks', by: 'ada', reason: 'old', cause: 'HTTP 500' })}`;
  expect(await shown()).toEqual(all('failed'));
  await pg`delete from knockon.discards`;
});

it('each event of the log says what became of it, and the log can be narrowed to those that failed', async () => {
  const { pg } = api.database;
  const posted = [];
  for (const text of ['done', 'failed', 'discarded', 'open'])
    posted.push((await api.post(channel, { text })).body.event_id);
  const [done, failed, discarded, open] = posted;
  const names = ['audit', 'search'];
  const spec = { task_queue: 'q', activity: 'a', batch: 1, timeout_ms: 1, retry: '{}' };
  for (const name of names)
    await pg`insert into knockon.subscribers ${pg({ name, event_types: ['*'], ...spec })}`;
  const receipt = (event_id: string, subscriber: string) =>
    pg`insert into knockon.receipts ${pg({ event_id, subscriber })}`;
  for (const name of names) await receipt(done, name);
  for (const event_id of [failed, discarded]) await receipt(event_id, 'audit');
  await pg`insert into knockon.dead_letters ${pg({ event_id: failed, subscriber: 'search', dispatch_id: ABSENT, cause: 'x', reason: 'y' })}`;
  await pg`insert into knockon.discards ${pg({ event_id: discarded, subscriber: 'search', by: 'ada', reason: 'old', cause: 'x' })}`;
  const outcomes = Object.fromEntries(
    (await look('events?limit=4')).data.map(({ id, outcome }: { id: string; outcome: object }) => [
      id,
      outcome,
    ]),
  );
  const none = { done: 0, failed: 0, discarded: 0, open: 0 };
  expect(outcomes).toEqual({
    [done]: { ...none, done: 2 },
    [failed]: { ...none, done: 1, failed: 1 },
    [discarded]: { ...none, done: 1, discarded: 1 },
    [open]: { ...none, open: 2 },
  });
  const ids = async (query: string) =>
    (await look(`events?${query}`)).data.map(({ id }: { id: string }) => id);
  expect(await ids('outcome=failed')).toEqual([failed]);
  expect(await ids(`outcome=failed&workspace_id=${theirs}`)).toEqual([]);
  await pg`insert into knockon.dead_letters ${pg({ event_id: open, subscriber: 'search', dispatch_id: ABSENT, cause: 'x', reason: 'y' })}`;
  await pg`insert into knockon.dead_letters ${pg({ event_id: open, subscriber: 'audit', dispatch_id: ABSENT, cause: 'x', reason: 'y' })}`;
  const first = await look('events?outcome=failed&limit=1');
  expect([
    first.data[0].id,
    await ids(`outcome=failed&limit=1&cursor=${first.next_cursor}`),
  ]).toEqual([open, [failed]]);
  expect((await api.call('GET', '/v1/ops/events?outcome=perhaps', { key: OPERATOR })).status).toBe(
    422,
  );
  for (const table of ['dead_letters', 'discards', 'receipts', 'subscribers'])
    await pg`delete from knockon.${pg(table)}`;
});

it('one look finds whatever has an id: an event, a message, a workflow; and nothing where nothing has it', async () => {
  const posted = (await api.post(channel, { text: 'six' })).body;
  for (const id of [posted.id, posted.event_id])
    expect(
      (await look(`events?about=${id}`)).data.map((event: { id: string }) => event.id),
    ).toEqual([posted.event_id]);
  for (const id of [ABSENT, 'no-id-at-all'])
    expect((await look(`events?about=${id}`)).data).toEqual([]);
});

it('an event tells the calls that it was in, and how long it was in a queue and at work, where the transport knows', async () => {
  const { pg } = api.database;
  const [one, two] = [
    (await api.post(channel, { text: 'seven' })).body.event_id,
    (await api.post(channel, { text: 'eight' })).body.event_id,
  ];
  const [made] = await pg<{ id: string }[]>`
    insert into knockon.dispatches (id, type, size, subscribers, started_at) values (uuidv7(), 'message.created', 2, '{search}', now()) returning id`;
  await pg`update knockon.outbox set dispatch_id = ${made!.id} where event_id in (${one}, ${two})`;
  const at = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString();
  const group = {
    subscriber: 'search',
    events: { offset: 0, limit: 2 },
    attempt: 1,
    scheduled_at: at(0),
    started_at: at(40),
  };
  const alone = {
    subscriber: 'search',
    events: { ids: [two] },
    attempt: 2,
    scheduled_at: at(100),
    started_at: at(110),
  };
  const known = [
    { ...group, ended_at: at(60), failure: null },
    { ...alone, ended_at: null, failure: null },
    { ...group, events: { offset: 2, limit: 2 }, ended_at: at(60), failure: null },
  ];
  const seeCalls = async (id: string) => {
    if (id !== made!.id) throw new Error('away');
    return known;
  };
  const calls = async (id: string, app = api.another({ seeCalls })) =>
    (await request(app, 'GET', `/v1/ops/events/${id}`, { key: OPERATOR })).body.effects[0].calls;
  const shown = {
    attempt: 1,
    events: 2,
    scheduled_at: at(0),
    started_at: at(40),
    ended_at: at(60),
    failure: null,
  };
  expect(await calls(one)).toEqual([shown]);
  expect(await calls(two)).toEqual([
    shown,
    {
      attempt: 2,
      events: 1,
      scheduled_at: at(100),
      started_at: at(110),
      ended_at: null,
      failure: null,
    },
  ]);
  const away = async () => await Promise.reject(new Error('away'));
  expect(await calls(one, api.another({ seeCalls: away }))).toBeNull();
  expect(await calls(one, api.app)).toBeNull();
  await pg`update knockon.outbox set dispatch_id = null where dispatch_id = ${made!.id}`;
});

it('a subscriber without workers, or whose tries fail, is not well, whatever operators want of it', async () => {
  const { pg } = api.database;
  const spec = {
    event_types: ['*'],
    task_queue: 'effects.search',
    activity: 'search',
    batch: 1,
    timeout_ms: 1,
    retry: '{}',
  };
  await pg`insert into knockon.subscribers ${pg({ name: 'search', ...spec })}`;
  const seen = async () => {
    const { state, health } = await look('subscribers/search');
    return [state, health];
  };
  expect(await seen()).toEqual(['active', 'down']);
  const beat = { identity: '1@here/effects', kind: 'effects', version: '1', host: 'here', pid: 1 };
  await pg`insert into knockon.workers ${pg({ ...beat, effects: pg.json({ search: { concurrency: 1, running: 0 } }) as never })}`;
  expect(await seen()).toEqual(['active', 'ok']);
  for (const [done, failed, health] of [
    [97, 3, 'ok'],
    [90, 10, 'degraded'],
    [5, 95, 'failing'],
  ] as const) {
    await pg`delete from knockon.effect_rates`;
    await pg`insert into knockon.effect_rates (subscriber, since, done, failed) values ('search', now(), ${done}, ${failed})`;
    expect(await seen()).toEqual(['active', health]);
  }
  for (const table of ['effect_rates', 'workers', 'subscribers'])
    await pg`delete from knockon.${pg(table)}`;
});

it('workers of a subscriber that take calls from another queue than its own are none of its workers, and the doctor says so', async () => {
  const { pg } = api.database;
  const spec = { event_types: ['*'], activity: 'search', batch: 1, timeout_ms: 1, retry: '{}' };
  await pg`insert into knockon.subscribers ${pg({ name: 'search', ...spec, task_queue: 'tb.effects.search' })}`;
  const beat = { identity: '1@here/effects', kind: 'effects', version: '1', host: 'here', pid: 1 };
  const hosts = (queue: string) => ({ search: { queue, concurrency: 1, running: 0 } });
  const found = async (queue: string) => {
    await pg`delete from knockon.workers`;
    await pg`insert into knockon.workers ${pg({ ...beat, effects: pg.json(hosts(queue)) as never })}`;
    const { health, workers } = await look('subscribers/search');
    const queues = {
      enforcedBy: 'workers',
      describe: async () => ({ pollers: [], calls: 0, age_seconds: 0, rate: null }),
    };
    const [finding] = await checkWorkers({ database: api.database, queues } as never);
    return { health, workers, finding };
  };
  expect(await found('tb.effects.search')).toMatchObject({
    ...{ health: 'ok', workers: 1 },
    finding: { ok: true },
  });
  expect(await found('effects.search')).toMatchObject({
    ...{ health: 'down', workers: 0 },
    finding: {
      ok: false,
      detail: expect.stringContaining(
        'the calls of search go to tb.effects.search, and its workers take them from effects.search',
      ),
      remedy: expect.stringContaining('KNOCKON_DEPLOYMENT'),
    },
  });
  for (const table of ['workers', 'subscribers']) await pg`delete from knockon.${pg(table)}`;
});

it('what is not there answers 404', async () => {
  for (const path of [
    `events/${ABSENT}`,
    `messages/${ABSENT}/effects`,
    `endpoints/${ABSENT}`,
    `endpoints/${ABSENT}/deliveries`,
  ])
    expect((await api.call('GET', `/v1/ops/${path}`, { key: OPERATOR })).status).toBe(404);
});
