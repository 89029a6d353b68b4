import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declareTypes } from '../../harness/event-types.ts';
import { useApi } from './test-api.ts';

const api = useApi();
let server: ReturnType<typeof createAdaptorServer>;
let url: string;

beforeAll(async () => {
  await declareTypes(api.database, ['invoice.paid']);
  await declareTypes(api.database, ['door.opened'], { schema: { type: 'object' } });
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/events`;
});
afterAll(() => void server?.close());

const aCloudEvent = (rest: object = {}) =>
  new CloudEvent({ source: '/billing', type: 'invoice.paid', data: { amount: 5 }, ...rest });

/** Sends as the SDK does. */
async function send(event: CloudEvent<unknown>, mode: Mode) {
  const emit = emitterFor(httpTransport(url), { mode });
  const headers = { authorization: `Bearer ${api.key}` };
  const { body } = (await emit(event, { headers })) as { body: string };
  return JSON.parse(body);
}

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';
const post = (body: unknown, contentType: string, path = '/v1/events') =>
  api.call('POST', path, { body, headers: { 'content-type': contentType } });

describe.each([Mode.STRUCTURED, Mode.BINARY])('a CloudEvent of the SDK, %s', (mode) => {
  it('is an event: its type, its data, and its subject as the key', async () => {
    const event = aCloudEvent({ subject: `invoice-${mode}`, time: '2026-01-15T12:00:00Z' });
    expect(await send(event, mode)).toMatchObject({
      type: 'invoice.paid',
      payload: { amount: 5 },
      key: `invoice-${mode}`,
      seq: 0,
    });
  });

  it('has partitionkey as its key, where it has one', async () => {
    const event = aCloudEvent({ subject: 'invoice-1', partitionkey: `customer ${mode}` });
    expect((await send(event, mode)).key).toBe(`customer ${mode}`);
  });

  it('has a subject of any length, where that is not its key', async () => {
    const event = aCloudEvent({ subject: 'x'.repeat(300), partitionkey: `long ${mode}` });
    expect((await send(event, mode)).key).toBe(`long ${mode}`);
  });

  it('with a number that would be rounded is refused under the name of its data alone', async () => {
    const rounded = '9007199254740993';
    const sent = async (event: CloudEvent<unknown>, more = {}) => {
      const written = mode === Mode.BINARY ? HTTP.binary(event) : HTTP.structured(event);
      const { headers, body } = written as { headers: object; body: string };
      return await fetch(url, {
        method: 'POST',
        headers: { ...headers, authorization: `Bearer ${api.key}`, ...more },
        body: body.replaceAll('"NUMBER"', rounded),
      }).then((response) => response.json());
    };
    const refused = { status: 422, errors: [{ path: 'data.amount' }] };
    const unread = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`ext${i}`, 'NUMBER']));
    const data = { amount: 'NUMBER' };
    expect(await sent(aCloudEvent({ data }))).toMatchObject(refused);
    // However many stand before it that nobody reads.
    expect(await sent(aCloudEvent({ ...unread, data }))).toMatchObject(refused);
    expect(await sent(aCloudEvent(unread))).toMatchObject({ type: 'invoice.paid' });
    if (mode === Mode.BINARY) return;
    const asWritten = {
      'content-type': 'Application/CloudEvents+JSON; charset=utf-8',
      'ce-id': '1',
    };
    expect(await sent(aCloudEvent({ ext: 'NUMBER', data }), asWritten)).toMatchObject(refused);
    const events = [aCloudEvent({ ext: 'NUMBER' }), aCloudEvent({ data })];
    const batch = await fetch(`${url}/batch`, {
      method: 'POST',
      headers: { 'content-type': BATCH, authorization: `Bearer ${api.key}` },
      body: JSON.stringify(events).replaceAll('"NUMBER"', rounded),
    });
    expect(await batch.json()).toMatchObject({
      results: [{ id: expect.any(String) }, { error: refused }],
    });
  });

  it('is stored once, by whichever route it comes', async () => {
    const event = aCloudEvent();
    const [first, second] = [await send(event, mode), await send(event, mode)];
    expect(second.id).toBe(first.id);
    const { body } = await post([event.toJSON(), event.toJSON()], BATCH, '/v1/events/batch');
    expect(body.results).toEqual([{ id: first.id }, { id: first.id }]);
  });

  it('is refused in its own words', async () => {
    const answer = await send(aCloudEvent({ data: { amount: 'x' } }), mode);
    expect(answer.errors).toEqual([{ path: 'data.amount', message: expect.any(String) }]);
    const long = await send(aCloudEvent({ subject: 'x'.repeat(201) }), mode);
    expect(long.errors[0].path).toBe('subject');
  });

  it('whose key is the id of a channel is refused under the name of its attribute', async () => {
    const channel = await api.channel();
    for (const [name, event] of [
      ['subject', aCloudEvent({ subject: channel })],
      ['partitionkey', aCloudEvent({ partitionkey: channel })],
    ] as const) {
      const { errors } = await send(event, mode);
      expect(errors).toEqual([
        { path: name, message: expect.stringContaining("A CloudEvent can't name a channel.") },
      ]);
      const batch = await post([event.toJSON()], BATCH, '/v1/events/batch');
      expect(batch.body.results[0].error.errors).toEqual(errors);
    }
  });

  it('that had this source and id with other data is refused under the name of its id', async () => {
    const event = aCloudEvent({ id: `other ${mode}` });
    await send(event, mode);
    const other = event.cloneWith({ data: { amount: 6 } });
    const problem = await send(other, mode);
    expect(problem).toMatchObject({
      status: 422,
      detail: expect.stringContaining('source and id'),
      errors: [{ path: 'id', message: expect.any(String) }],
    });
    const batch = await post([other.toJSON()], BATCH, '/v1/events/batch');
    expect(batch.body.results[0].error).toEqual(problem);
  });
});

describe('a batch of CloudEvents', () => {
  it('answers each for itself', async () => {
    const same = aCloudEvent({ id: 'twice' }).toJSON();
    const other = aCloudEvent({ id: 'twice', data: { amount: 6 } }).toJSON();
    const events = [aCloudEvent().toJSON(), { id: '1' }, same, same, other];
    const { status, body } = await post(events, BATCH, '/v1/events/batch');
    expect(status).toBe(200);
    const [one, none, first, second, third] = body.results;
    expect(one.id).toBeDefined();
    expect(none.error).toMatchObject({ status: 422 });
    expect(second).toEqual(first);
    expect(third.error).toMatchObject({ status: 422, type: expect.stringContaining('reused') });
  });
});

it.each<Record<string, string>>([{}, { 'content-type': 'application/json' }])(
  'one in binary mode without data has an empty payload, with headers %j',
  async (more) => {
    const headers = { 'ce-specversion': '1.0', 'ce-source': '/b', 'ce-id': JSON.stringify(more) };
    const options = { headers: { ...headers, ...more, 'ce-type': 'door.opened' } };
    const answer = await api.call('POST', '/v1/events', options);
    expect(answer).toMatchObject({ status: 201, body: { type: 'door.opened', payload: {} } });
  },
);

describe('what is refused', () => {
  const attributes = { ...(aCloudEvent().toJSON() as Record<string, unknown>) };

  it.each([
    ['another version', { specversion: '0.3' }, 'specversion'],
    ['no source', { source: undefined }, 'source'],
    ['an empty id', { id: '' }, 'id'],
    ['a time that is none', { time: 'yesterday' }, 'time'],
    ['data that is no object', { data: 'text' }, 'data'],
    ['binary data', { data: undefined, data_base64: 'AAEC' }, 'data_base64'],
    ['data that is no JSON', { datacontenttype: 'text/xml' }, 'datacontenttype'],
    ['an unknown type', { type: 'com.example.paid' }, 'type'],
  ])('%s', async (_, change, path) => {
    const { status, body } = await post({ ...attributes, ...change }, STRUCTURED);
    expect(status).toBe(422);
    expect(body.errors[0].path).toBe(path);
  });

  it('null counts as not there, and unknown extensions do not matter', async () => {
    const event = { ...attributes, id: 'nulls', subject: null, traceparent: '00-1-2-01' };
    expect((await post(event, STRUCTURED)).status).toBe(201);
  });

  it('a batch sent to the route for one, and one sent to the route for a batch', async () => {
    expect((await post([attributes], BATCH)).status).toBe(415);
    expect((await post(attributes, STRUCTURED, '/v1/events/batch')).status).toBe(415);
  });

  it('attributes of a request without a body that the headers lack', async () => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': '1' };
    expect((await api.call('POST', '/v1/events', { headers })).status).toBe(422);
  });

  it('attributes that the headers lack', async () => {
    const { headers, body } = HTTP.binary(aCloudEvent()) as { headers: object; body: string };
    const sent = Object.entries(headers).filter(([name]) => name !== 'ce-source');
    const options = { body, headers: Object.fromEntries(sent) };
    const answer = await api.call('POST', '/v1/events', options);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'source' }] } });
  });
});
