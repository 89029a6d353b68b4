import { beforeAll, describe, expect, it } from 'vitest';
import { EmitError, emit, emitOwn } from '../../../src/outbox/emit.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { useApi } from './test-api.ts';

// Every way to emit, held against the same cases.
const api = useApi();

/** An event as each way is given it. */
interface Given {
  type: string;
  payload: object;
  key?: string;
  channel?: string;
  message?: string;
}

let foreign: { channel: string; message: string };
let own: { channel: string; message: string };

beforeAll(async () => {
  await declareTypes(api.database, ['invoice.paid']);
  const { api_key: key } = await api.workspace();
  const channel = await api.call('POST', '/v1/channels', { key, body: { name: 'theirs' } });
  const path = `/v1/channels/${channel.body.id}/messages`;
  const posted = await api.call('POST', path, { key, body: { author: 'eve', text: 'hi' } });
  foreign = { channel: channel.body.id, message: posted.body.id };
  const mine = await api.channel();
  own = { channel: mine, message: (await api.post(mine)).body.id };
});

const refused = (answer: { status: number; body: { error?: unknown } }) =>
  answer.status >= 400 || answer.body.error !== undefined;

const asBody = ({ channel, message, ...rest }: Given) => ({
  ...rest,
  channel_id: channel,
  message_id: message,
});

/** Each emits one event. @returns its id, or null where it was refused */
const ways: Record<string, (given: Given) => Promise<string | null>> = {
  'POST /v1/events': async (given) => {
    const answer = await api.call('POST', '/v1/events', { body: asBody(given) });
    return refused(answer) ? null : answer.body.id;
  },
  'POST /v1/events/batch': async (given) => {
    const body = { events: [asBody(given)] };
    const answer = await api.call('POST', '/v1/events/batch', { body });
    return answer.status === 413 ? null : (answer.body.results[0].id ?? null);
  },
  'emit() in TypeScript': async ({ channel, message, ...given }) => {
    const event = { ...given, workspaceId: api.workspaceId, payload: given.payload as never };
    return await api.database.db
      .transaction((tx) => emit(tx, { ...event, channelId: channel, messageId: message }))
      .then(
        ({ id }) => id,
        (error) => {
          if (error instanceof EmitError) return null;
          throw error;
        },
      );
  },
  'knockon.emit in SQL': (given) => inSql('emit', given),
  'knockon.emit_many in SQL': (given) => inSql('emit_many', given),
};

async function inSql(how: 'emit' | 'emit_many', given: Given): Promise<string | null> {
  const { pg } = api.database;
  const { type, payload, key = null, channel = null, message = null } = given;
  const many = [{ ...given, workspace: api.workspaceId }];
  const statement =
    how === 'emit'
      ? pg`select knockon.emit(${type}, ${api.workspaceId}::uuid, ${pg.json(payload as never)},
          key => ${key}, channel => ${channel}, message => ${message}) as id`
      : pg`select knockon.emit_many(${pg.json(many as never)}) as id`;
  try {
    const [row] = await statement;
    return row!['id'];
  } catch (error) {
    expect((error as { code: string }).code).toMatch(/^KN00\d$/);
    return null;
  }
}

/** Numbers that doubles hold as they are written. */
const strange = {
  amount: 5,
  all: [1e23, 1e22, 5e-324, 1e-320, Number.MAX_VALUE, 2 ** 53, 0.1 + 0.2],
};

/** A payload that is nested so deep, the payload itself counted. */
const nested = (levels: number): object =>
  JSON.parse(`{"amount":5,"a":${'['.repeat(levels - 1)}1${']'.repeat(levels - 1)}}`);

const paid = (rest: Partial<Given> = {}): Given => ({
  type: 'invoice.paid',
  payload: { amount: 5 },
  ...rest,
});

async function rowOf(id: string) {
  const [row] = await api.database.pg`
    select e.type, e.version, e.workspace_id, e.channel_id, e.message_id, e.key, e.payload,
      e.sequence_id is null as unordered, e.seq::int, o.type as queued, o.dispatch_id,
      o.channel_id as in_channel
    from knockon.events e join knockon.outbox o on o.event_id = e.id where e.id = ${id}`;
  return row!;
}

describe.each(Object.keys(ways))('%s', (name) => {
  const way = ways[name]!;

  it.each<[string, () => Given, object]>([
    ['without a key', () => paid(), { key: null, seq: null, unordered: true }],
    ['with a key', () => paid({ key: `k ${name}` }), { key: `k ${name}`, seq: 0 }],
    ['again with that key', () => paid({ key: `k ${name}` }), { seq: 1, unordered: false }],
    ['with the longest key', () => paid({ key: `${name}${'é'.repeat(200 - name.length)}` }), {}],
    ['about a message', () => paid({ message: own.message }), {}],
    ['nested as deep as may be', () => paid({ payload: nested(98) }), { payload: nested(98) }],
    ['with strange numbers', () => paid({ payload: strange }), { payload: strange }],
  ])('stores an event %s, and queues it', async (_, given, expected) => {
    const id = await way(given());
    expect(await rowOf(id!)).toMatchObject({
      type: 'invoice.paid',
      version: 1,
      workspace_id: api.workspaceId,
      channel_id: null,
      payload: { amount: 5 },
      queued: 'invoice.paid',
      dispatch_id: null,
      ...expected,
    });
  });

  it('tells the id of a channel as it is written in the log', async () => {
    const id = await way(paid({ channel: own.channel.toUpperCase() }));
    expect(await rowOf(id!)).toMatchObject({ channel_id: own.channel });
  });

  it('gives the next place in a channel', async () => {
    const before = (await api.post(own.channel)).body.event_id;
    const { seq } = await rowOf(before);
    const id = await way(paid({ channel: own.channel }));
    const row = await rowOf(id!);
    expect(row).toMatchObject({ channel_id: own.channel, in_channel: own.channel, key: null });
    expect(row['seq']).toBe(seq + 1);
  });

  it.each<[string, () => Given]>([
    ['an unknown type', () => paid({ type: 'invoice.payed' })],
    ['a name that is none', () => paid({ type: 'pay the invoice' })],
    ['a type of our own', () => paid({ type: 'message.created' })],
    ['a payload that is no object', () => paid({ payload: [1] })],
    ['an empty key', () => paid({ key: '' })],
    ['a key that is too long', () => paid({ key: 'x'.repeat(201) })],
    ['a key on two lines', () => paid({ key: 'a\nb' })],
    ['a key and a channel', () => paid({ key: 'a', channel: own.channel })],
    ['a key that is the id of a channel', () => paid({ key: own.channel })],
    ["another workspace's channel", () => paid({ channel: foreign.channel })],
    ["another workspace's message", () => paid({ message: foreign.message })],
    ['a channel that is not there', () => paid({ channel: foreign.message })],
    ['a payload that is nested too deep', () => paid({ payload: nested(99) })],
    ['a payload that is too large', () => paid({ payload: { note: 'x'.repeat(262_144) } })],
  ])('refuses %s, and stores nothing', async (_, given) => {
    const count = async () => (await api.database.pg`select 1 from knockon.events`).length;
    const before = await count();
    expect(await way(given())).toBeNull();
    expect(await count()).toBe(before);
  });
});

it('a message that is posted is logged and queued as an event that is written by SQL', async () => {
  const metadata = { a: [1, null, 'é'] };
  const { body } = await api.post(own.channel, { text: 'naïve "quotes"', metadata });
  const { seq, author, text, sent_at } = body;
  const payload = { seq, author, text, metadata, sent_at };
  const written = await api.database.db.transaction((tx) =>
    emitOwn(tx, {
      type: 'message.created',
      workspaceId: api.workspaceId,
      channelId: own.channel,
      messageId: body.id,
      payload,
    }),
  );
  const [posted, emitted] = [await rowOf(body.event_id), await rowOf(written.id)];
  expect(emitted).toEqual({ ...posted, seq: posted['seq'] + 1 });
});
