import { beforeAll, describe, expect, it } from 'vitest';
import { DueEvents } from '../../../src/outbox/due-events.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { subscribe } from '../../harness/messaging.ts';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();

beforeAll(async () => {
  await declareTypes(api.database, ['invoice.due']);
  await subscribe(api.database, { name: 'reminders' });
});

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
const due = (deliver_at: string, rest: Record<string, unknown> = {}) => ({
  type: 'invoice.due',
  payload: { amount: 5 },
  deliver_at,
  ...rest,
});
const emit = async (body: unknown) => await api.call('POST', '/v1/events', { body });
const read = async (id: string) => (await api.call('GET', `/v1/events/${id}`)).body;
/** Lets everything that is scheduled be due now. */
const passAll = async () => {
  await api.database.pg`
    update knockon.scheduled set deliver_at = deliver_at - interval '1 year'
    where cancelled_at is null`;
  await new DueEvents(api.database.pg, 500).promote(1000);
};
const list = async (query: string) => (await api.call('GET', `/v1/events?${query}`)).body;

describe('an event with deliver_at', () => {
  it('is answered and shown as scheduled, then with its place', async () => {
    const deliver_at = inHours(1);
    const { status, body } = await emit(due(deliver_at, { key: 'invoice-1' }));
    expect([status, body.seq, body.deliver_at, body.state]).toEqual([
      201,
      null,
      deliver_at,
      'scheduled',
    ]);
    expect(await read(body.id)).toEqual(body);
    expect((await list('key=invoice-1')).data).toEqual([body]);
    await passAll();
    expect(await read(body.id)).toMatchObject({ seq: 0, state: 'due' });
    expect((await list('key=invoice-1&after_seq=0')).data).toEqual([]);
  });

  it('whose moment is past is dispatched now, like one without', async () => {
    const { body } = await emit(due('2020-01-01T00:00:00Z', { key: 'invoice-past' }));
    expect([body.seq, 'deliver_at' in body, 'state' in body]).toEqual([0, false, false]);
  });

  it.each([
    null,
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00+05:00',
    '1969-12-31T23:59:59Z',
    '2020-02-29t12:00:00.5z',
    '2020-01-01T00:00:00-15:59',
  ])('is dispatched now where it is %s, as in SQL', async (deliver_at) => {
    const { status, body } = await emit({ ...due('', { key: `past ${deliver_at}` }), deliver_at });
    expect([status, body.seq, 'deliver_at' in body]).toEqual([201, 0, false]);
    const event = { ...due(''), workspace: api.workspaceId, deliver_at };
    const { pg } = api.database;
    const [row] = await pg`select id from knockon.emit_many(${pg.json([event])}) as id`;
    expect(await read(row!.id)).not.toHaveProperty('deliver_at');
  });

  it.each([
    '0000-01-01T00:00:00Z',
    '2023-02-29T12:00:00Z',
    '2020-01-01T24:00:00Z',
    '2020-01-01T00:00:60Z',
    '2020-01-01T00:00:00+16:00',
    '2020-01-01T00:00:00-23:59',
  ])('is refused where it is %s, as in SQL', async (moment) => {
    expect((await emit(due(moment))).status).toBe(422);
    const event = { ...due(moment), workspace: api.workspaceId };
    const { pg } = api.database;
    await expect(pg`select knockon.emit_many(${pg.json([event])})`).rejects.toThrow('`deliver_at`');
  });

  it.each([inHours(24 * 367), 'tomorrow', '2027-01-01'])('is refused at %s', async (moment) => {
    const { status, body } = await emit(due(moment));
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ path: 'deliver_at' }]);
  });

  it('may have other members that are null, which are like not there', async () => {
    const unset = { key: null, channel_id: null, message_id: null };
    const { status, body } = await emit({ ...due(inHours(1)), ...unset });
    expect([status, body.state]).toEqual([201, 'scheduled']);
    expect(body).toMatchObject(unset);
  });

  it('comes in a batch, and as a CloudEvent', async () => {
    const [deliver_at, deliverat] = [inHours(2), inHours(3)];
    const events = [due(deliver_at), { type: 'invoice.due', payload: { amount: 1 } }];
    const { body } = await api.call('POST', '/v1/events/batch', { body: { events } });
    const [later, now] = body.results as { id: string }[];
    expect(await read(later!.id)).toMatchObject({ deliver_at, state: 'scheduled' });
    expect(await read(now!.id)).not.toHaveProperty('state');
    const cloud = await api.call('POST', '/v1/events', {
      body: {
        ...{ specversion: '1.0', id: 'l1', source: '/test', type: 'invoice.due' },
        ...{ deliverat, data: { amount: 5 } },
      },
      headers: { 'content-type': 'application/cloudevents+json' },
    });
    expect(cloud.body).toMatchObject({ deliver_at: deliverat, state: 'scheduled' });
  });

  it('is answered again under its Idempotency-Key as it was first, whatever became of it', async () => {
    const headers = { 'idempotency-key': 'later-1' };
    const body = due(inHours(1), { key: 'idempotent' });
    const first = await api.call('POST', '/v1/events', { body, headers });
    const second = await api.call('POST', '/v1/events', { body, headers });
    expect(second.body).toEqual(first.body);
    await passAll();
    const third = await api.call('POST', '/v1/events', { body, headers });
    // `passAll` has moved it.
    const { deliver_at } = await read(first.body.id);
    expect(third.body).toEqual({ ...first.body, deliver_at });
    expect(await read(first.body.id)).toMatchObject({ seq: 0, state: 'due' });
  });

  it('and which was cancelled is answered again under its Idempotency-Key as scheduled', async () => {
    const headers = { 'idempotency-key': 'later-2' };
    const body = due(inHours(1));
    const first = await api.call('POST', '/v1/events', { body, headers });
    await api.call('DELETE', `/v1/events/${first.body.id}`);
    const second = await api.call('POST', '/v1/events', { body, headers });
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect(second.body).not.toHaveProperty('cancelled_at');
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await read(first.body.id)).toMatchObject({ state: 'cancelled' });
  });

  it('is listed by its moment, page by page', async () => {
    await passAll();
    const ids: string[] = [];
    for (const hours of [5, 3, 4]) ids.push((await emit(due(inHours(hours)))).body.id);
    const page = await list('state=scheduled&limit=2');
    const rest = await list(`state=scheduled&limit=2&cursor=${page.next_cursor}`);
    expect([...page.data, ...rest.data].map(({ id }: { id: string }) => id)).toEqual([
      ids[1],
      ids[2],
      ids[0],
    ]);
    expect(rest.next_cursor).toBeNull();
  });
});

describe('DELETE /v1/events/{id}', () => {
  const cancel = async (id: string, key?: string) =>
    (await api.call('DELETE', `/v1/events/${id}`, key ? { key } : {})).status;

  it('cancels what is scheduled, and the log says so', async () => {
    const { body } = await emit(due(inHours(1)));
    expect([await cancel(body.id), await cancel(body.id)]).toEqual([204, 204]);
    const cancelled = await read(body.id);
    expect(cancelled).toMatchObject({ state: 'cancelled', cancelled_at: expect.any(String) });
    expect((await list('state=cancelled&limit=1')).data).toEqual([cancelled]);
    expect((await list('limit=1')).data).toEqual([cancelled]);
    await passAll();
    expect(await read(body.id)).toMatchObject({ state: 'cancelled' });
  });

  it('answers 409 once it is dispatched, and 404 for what is not there', async () => {
    const { body } = await emit(due(inHours(1)));
    const { api_key } = await api.workspace();
    expect(await cancel(body.id, api_key)).toBe(404);
    await passAll();
    expect(await cancel(body.id)).toBe(409);
    expect(await cancel((await emit({ ...due(inHours(0)), deliver_at: undefined })).body.id)).toBe(
      409,
    );
    expect(await cancel(api.workspaceId)).toBe(404);
  });
});

describe('a message with deliver_at', () => {
  it.each([null, '0001-01-01T00:00:00Z'])('is sent now where it is %s', async (deliver_at) => {
    const { status, body } = await api.post(await api.channel(), { deliver_at });
    expect([status, (await read(body.event_id)).state]).toEqual([201, undefined]);
  });

  const post = async (channel: string) =>
    (
      await api.call('POST', `/v1/channels/${channel}/messages`, {
        body: { author: 'ada', text: 'later', deliver_at: inHours(1) },
      })
    ).body;
  const typesOf = async (id: string) =>
    (
      await api.database.pg<{ type: string; seq: string }[]>`
        select type, seq from knockon.events where message_id = ${id} order by seq`
    ).map(({ type, seq }) => `${type} ${seq}`);

  it('can be read now, and its event comes then, with all that follows', async () => {
    const channel = await api.channel();
    const message = await post(channel);
    expect((await api.call('GET', `/v1/messages/${message.id}`)).body.text).toBe('later');
    const now = await api.post(channel);
    expect([message.seq, now.body.seq]).toEqual([1, 2]);
    const change = { body: { text: 'edited' } };
    await api.call('PATCH', `/v1/messages/${message.id}`, change);
    const journey = await api.call('GET', `/v1/messages/${message.id}/effects`);
    expect(journey.body.events).toMatchObject([{ state: 'scheduled' }, { state: 'scheduled' }]);
    expect(await typesOf(message.id)).toEqual([]);
    await passAll();
    expect(await typesOf(message.id)).toEqual(['message.created 2', 'message.updated 3']);
    expect(await typesOf(now.body.id)).toEqual(['message.created 1']);
  });

  it('is never heard of where it is deleted before', async () => {
    const message = await post(await api.channel());
    const { status } = await api.call('DELETE', `/v1/events/${message.event_id}`);
    expect(status).toBe(409);
    await api.call('DELETE', `/v1/messages/${message.id}`);
    await passAll();
    expect(await typesOf(message.id)).toEqual([]);
    expect(await read(message.event_id)).toMatchObject({ state: 'cancelled' });
  });
});

it('an operator sees what is scheduled in any workspace', async () => {
  const { body } = await emit(due(inHours(1)));
  const key = OPERATOR;
  const one = await api.call('GET', `/v1/ops/events/${body.id}`, { key });
  expect(one.body).toMatchObject({ state: 'scheduled', deliver_at: body.deliver_at, effects: [] });
  const found = await api.call('GET', `/v1/ops/events?about=${body.id}`, { key });
  expect(found.body.data).toMatchObject([{ id: body.id, state: 'scheduled', outcome: null }]);
});
