import { beforeAll, describe, expect, it, vi } from 'vitest';
import { PoolBusyError } from '../../../src/db/connection-limit.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { costly, declareTypes } from '../../harness/event-types.ts';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();

beforeAll(() => declareTypes(api.database, ['invoice.paid', 'invoice.sent']));

const emit = (body: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', '/v1/events', { body, headers });
const emitAll = (events: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', '/v1/events/batch', { body: { events }, headers });
const paid = (rest: Record<string, unknown> = {}) => ({
  type: 'invoice.paid',
  payload: { amount: 5 },
  ...rest,
});
const stored = async () =>
  (await api.database.pg`select id from knockon.events where type like 'invoice.%'`).length;
const neighbor = async () => {
  const { api_key: key } = await api.workspace();
  const options = { key, body: { name: 'theirs' } };
  const { body } = await api.call('POST', '/v1/channels', options);
  const message = { author: 'eve', text: 'hi' };
  const posted = await api.call('POST', `/v1/channels/${body.id}/messages`, { key, body: message });
  return { channel_id: body.id as string, message_id: posted.body.id as string };
};

describe('an event', () => {
  it('is answered with its place among those of its key, and lies in the log so', async () => {
    const first = await emit(paid({ key: 'invoice-42' }));
    const second = await emit(paid({ key: 'invoice-42' }));
    expect(first).toMatchObject({
      status: 201,
      body: {
        type: 'invoice.paid',
        version: 1,
        workspace_id: api.workspaceId,
        channel_id: null,
        message_id: null,
        key: 'invoice-42',
        seq: 0,
        payload: { amount: 5 },
      },
    });
    expect(second.body.seq).toBe(1);
    const read = await api.call('GET', `/v1/events/${first.body.id}`);
    expect(read.body).toEqual(first.body);
    const [queued] = await api.database
      .pg`select * from knockon.outbox where event_id = ${first.body.id}`;
    expect(queued).toMatchObject({ type: 'invoice.paid', dispatch_id: null, unchecked: null });
  });

  it('has the channel as its key, and the next place in its log', async () => {
    const channel_id = await api.channel();
    const { body: message } = await api.post(channel_id);
    const { body } = await emit(paid({ channel_id, message_id: message.id }));
    expect(body).toMatchObject({ channel_id, message_id: message.id, key: channel_id, seq: 2 });
    const shouted = await emit(paid({ channel_id: channel_id.toUpperCase() }));
    expect(shouted.body).toMatchObject({ channel_id, key: channel_id, seq: 3 });
  });

  it('has no place without a key', async () => {
    expect((await emit(paid())).body).toMatchObject({ key: null, seq: null });
  });

  it('is stored once under an Idempotency-Key, and answered again', async () => {
    const before = await stored();
    const headers = { 'idempotency-key': 'once' };
    const [first, second] = [await emit(paid(), headers), await emit(paid(), headers)];
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await stored()).toBe(before + 1);
    const other = await emit(paid({ key: 'another' }), headers);
    expect(other).toMatchObject({ status: 422, body: { type: expect.stringContaining('reused') } });
  });

  it('does not use up the Idempotency-Key where it is refused', async () => {
    const headers = { 'idempotency-key': 'refused first' };
    const { channel_id } = await neighbor();
    expect((await emit(paid({ channel_id }), headers)).status).toBe(404);
    expect((await emit(paid(), headers)).status).toBe(201);
  });

  it('can not take the Idempotency-Key of a message', async () => {
    const headers = { 'idempotency-key': 'a message has it' };
    await api.post(await api.channel(), {}, { headers });
    expect((await emit(paid(), headers)).status).toBe(422);
  });
});

describe('what is refused', () => {
  const path = (n: number) => Array.from({ length: n }, () => 'x').join('');

  it.each([
    ['an unknown type', { type: 'invoice.payed' }, 'type', /no event type.*invoice\.paid\?/],
    ['a type of our own', { type: 'message.created' }, 'type', /by Knock-on itself/],
    ['a reserved type', { type: 'endpoint.disabled' }, 'type', /by Knock-on itself/],
    ['no payload', { payload: undefined }, 'payload', /is missing/],
    ['a payload that is no object', { payload: [1] }, 'payload', /must be a JSON object/],
    ['a payload that does not fit', { payload: { amount: 'x' } }, 'payload.amount', /whole number/],
    ['a field that is missing', { payload: {} }, 'payload.amount', /is missing/],
    ['NUL', { payload: { amount: 5, note: ['a\0b'] } }, 'payload.note.0', /NUL/],
    ['an empty key', { key: '' }, 'key', /1 to 200 characters/],
    ['a key that is too long', { key: path(201) }, 'key', /1 to 200 characters/],
    ['a key on two lines', { key: 'a\nb' }, 'key', /control characters/],
    ['an unknown field', { keys: 'a' }, 'keys', /is not a known field/],
    ['a channel that is no UUID', { channel_id: 'general' }, 'channel_id', /must be a UUID/],
  ])('%s', async (_, change, where, why) => {
    const before = await stored();
    const answer = await emit(paid(change));
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toEqual([{ path: where, message: expect.stringMatching(why) }]);
    expect(await stored()).toBe(before);
  });

  it('both a key and a channel', async () => {
    const answer = await emit(paid({ key: 'a', channel_id: await api.channel() }));
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'key' }] } });
  });

  it('a key that is the id of a channel', async () => {
    const answer = await emit(paid({ key: await api.channel() }));
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'key' }] } });
    expect(answer.body.errors[0].message).toContain('Pass it as `channel_id`,');
  });

  it('every field of a payload that is wrong, by its path', async () => {
    const payload = { amount: 1.5, lines: [{ sku: 'a' }, {}] };
    const { body } = await emit(paid({ payload }));
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      'payload.amount',
      'payload.lines.1.sku',
    ]);
  });

  it('numbers that JavaScript rounds', async () => {
    const { status, body } = await emit(
      '{"type":"invoice.paid","payload":{"amount":9007199254740993}}',
    );
    expect(status).toBe(422);
    expect(body.errors[0].path).toBe('payload.amount');
  });

  it("another workspace's channel and message, like what is not there", async () => {
    const { channel_id, message_id } = await neighbor();
    const nowhere = { channel_id: api.workspaceId };
    const answers = [await emit(paid({ channel_id })), await emit(paid(nowhere))];
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    expect(answers[0]!.body).toEqual(answers[1]!.body);
    const message = await emit(paid({ message_id }));
    expect(message).toMatchObject({ status: 404, body: { detail: 'There is no such message.' } });
  });

  it('a body of more than 256 KiB, other media types, and what is no JSON', async () => {
    expect((await emit(paid({ payload: { note: path(300_000) } }))).status).toBe(413);
    expect((await emit('type=invoice.paid', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await emit('{"type":')).status).toBe(400);
    expect((await emit('')).status).toBe(400);
    expect((await emit('[]')).status).toBe(422);
  });

  it("the operator's key and none", async () => {
    const call = (key: string | null) => api.call('POST', '/v1/events', { key, body: paid() });
    expect([(await call(OPERATOR)).status, (await call(null)).status]).toEqual([401, 401]);
  });
});

describe('a batch', () => {
  it('answers each event for itself, in the order given', async () => {
    const { channel_id } = await neighbor();
    const events = [
      paid(),
      paid({ type: 'invoice.payed' }),
      paid({ payload: {} }),
      'no event',
      paid({ channel_id }),
      paid({ key: 'a' }),
    ];
    const { status, body } = await emitAll(events);
    expect(status).toBe(200);
    const problem = (code: number, at?: string) => ({
      error: expect.objectContaining({
        status: code,
        ...(at !== undefined && { errors: [expect.objectContaining({ path: at })] }),
      }),
    });
    const id = { id: expect.stringMatching(/^[0-9a-f-]{36}$/) };
    expect(body.results).toEqual([
      id,
      problem(422, 'type'),
      problem(422, 'payload.amount'),
      problem(422, ''),
      problem(404),
      id,
    ]);
  });

  it('keeps the order of a key, however many and however large its events are', async () => {
    const large = 'x'.repeat(500);
    const events = Array.from({ length: 400 }, (_, amount) =>
      paid({ key: `order-${amount % 3}`, payload: { amount, note: amount % 7 ? '' : large } }),
    );
    const { body } = await emitAll(events);
    const ids = body.results.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(400);
    const rows = await api.database.pg`
      select payload->'amount' as amount from knockon.events
      where key = 'order-1' order by seq`;
    const expected = Array.from({ length: 133 }, (_, nth) => 3 * nth + 1);
    expect(rows.map(({ amount }) => amount)).toEqual(expected);
  });

  it('stores nothing behind an event that could not be checked, for it may be stored the next time', async () => {
    const before = await stored();
    const events = ['first', 'second', 'third'].map((key) => paid({ key }));
    const { find } = EventTypeRegistry.prototype;
    const looking = vi.spyOn(EventTypeRegistry.prototype, 'find');
    looking.mockImplementation(function (this: EventTypeRegistry, name, version) {
      if (looking.mock.calls.length === 2) throw new PoolBusyError('no connection became free');
      return find.call(this, name, version);
    });
    expect(await emitAll(events)).toMatchObject({ status: 503, body: { status: 503 } });
    looking.mockRestore();
    expect(await stored()).toBe(before);
    expect((await emitAll(events)).status).toBe(200);
    expect(await stored()).toBe(before + 3);
  });

  it('keeps nobody else waiting while it is checked', async () => {
    await declareTypes(api.database, ['tree.grown'], { schema: costly.schema });
    const tree = { type: 'tree.grown', payload: costly.payload };
    // As many as there may be: a fast machine checks a hundred between three requests.
    const batch = emitAll(Array.from({ length: 500 }, () => tree)).then(() => 'batch');
    const others = (async () => {
      for (let nth = 0; nth < 3; nth += 1) expect((await emit(paid())).status).toBe(201);
      return 'others';
    })();
    expect(await Promise.race([batch, others])).toBe('others');
    await batch;
  });

  it('refuses a number that JavaScript rounds in its own event alone', async () => {
    const many = Array.from({ length: 150 }, () => '9007199254740993').join(',');
    const odd = `{"type":"invoice.paid","payload":{"amount":1,"ids":[${many}]}}`;
    const fine = JSON.stringify(paid());
    const text = `{"events":[${odd},${fine},${odd}]}`;
    const { body } = await api.call('POST', '/v1/events/batch', { body: text });
    expect(body.results.map((result: object) => Object.keys(result)[0])).toEqual([
      'error',
      'id',
      'error',
    ]);
    expect(body.results[0].error.errors[0].path).toBe('payload.ids.0');
  });

  it.each([
    ['none', []],
    ['more than 500', Array.from({ length: 501 }, () => ({}))],
    ['no list', 'all'],
  ])('of %s is refused as a whole', async (_, events) => {
    expect(await emitAll(events)).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'events' }] },
    });
  });

  it('stores only what was not stored under its Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'a batch' };
    const events = [paid(), paid({ type: 'invoice.reopened' }), paid({ key: 'b' })];
    const first = await emitAll(events, headers);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    await declareTypes(api.database, ['invoice.reopened']);
    const before = await stored();
    // The type is known after a second at most.
    await expect
      .poll(async () => (await emitAll(events, headers)).body.results[1].id)
      .toBeDefined();
    const again = await emitAll(events, headers);
    expect(again.body.results[0]).toEqual(first.body.results[0]);
    expect(again.body.results[2]).toEqual(first.body.results[2]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await stored()).toBe(before + 1);
    expect((await emitAll([paid()], headers)).status).toBe(422);
    expect((await emit(paid(), headers)).status).toBe(422);
  });
});
