import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { remote } from '../../../src/activities/remote/index.ts';
import { trySubscriber } from '../../../src/activities/remote/try-subscriber.ts';
import { createSender } from '../../../src/activities/runtime/http/send.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { putHttpSubscriber } from '../../../src/ops/http-subscribers/change.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { HttpService, results, type Serve, type TakenCall } from '../../harness/http-service.ts';
import { aChannel } from '../../harness/messaging.ts';
import { loopback, seal } from '../../harness/webhook-receiver.ts';

const SECRET = 'whsec_c2VjcmV0IG9mIHRoaXJ0eS10d28gY2hhcmFjdGVycw==';
const circuit = { failures: 3, firstMs: 60_000, longestMs: 60_000 };
const retrying = { attempts: 5, initial_ms: 1000, max_ms: 1000, backoff: 1 };

let test: TestDatabase;
let service: HttpService;
let workspaceId: string;

beforeAll(async () => {
  test = await freshDatabase();
  await declareTypes(test.database, ['invoice.paid']);
  workspaceId = (await aChannel(test.database)).workspaceId;
});
afterAll(() => test?.close());
beforeEach(async () => {
  service = await HttpService.start();
  service.secret = SECRET;
  await subscribe();
});
afterEach(async () => {
  await service.stop();
  await test.database.pg`delete from knockon.http_subscribers`;
});

const subscribe = (rest: { url?: string; timeout_ms?: number } = {}) =>
  putHttpSubscriber(
    test.database,
    {
      name: 'billing',
      description: '',
      url: service.url,
      event_types: ['invoice.paid'],
      ordering: 'none',
      batch: 100,
      timeout_ms: 1000,
      call_timeout_ms: 12_000,
      attempts: 5,
      task_queue: 'effects.billing',
      by: 'tests',
      ...rest,
    },
    seal.close(SECRET),
  );

const effectOf = (ordering: 'none' | 'key' = 'none') =>
  remote(
    {
      name: 'billing',
      description: '',
      event_types: ['invoice.paid'],
      ordering,
      batch: 100,
      timeout_ms: 1000,
      retry: retrying,
    },
    { seal, send: createSender({ allow: loopback, timeoutMs: 1000 }), circuit },
  );

/** Emits so many events and dispatches them; what it gives calls the effect with them. */
async function dispatched(many = 3, { key, ordering }: { key?: string; ordering?: 'key' } = {}) {
  const { pg, db } = test.database;
  for (let i = 0; i < many; i++)
    await pg`select knockon.emit('invoice.paid', ${workspaceId}::uuid, '{"amount": 1}',
      key => ${key ?? null})`;
  const [dispatch] = await claim(pg, 2000);
  const ids = await pg<{ event_id: string }[]>`
    select event_id from knockon.outbox where dispatch_id = ${dispatch!.id} order by event_id`;
  const call = {
    dispatch_id: dispatch!.id,
    subscriber: 'billing',
    events: { offset: 0, limit: many },
    alone: false,
  };
  const effect = effectOf(ordering);
  return {
    ids: ids.map(({ event_id }) => event_id),
    make: () => answer(effect, db, call, new AbortController().signal),
  };
}

const attempts = async () =>
  (await test.database.db.execute(
    sql`select last_error from knockon.attempts order by updated_at desc, event_id limit 1`,
  )) as unknown as { last_error: string }[];

describe('an HTTP subscriber', () => {
  it('gets events in one signed call, and all are done where it answers 2xx without a body', async () => {
    const { ids, make } = await dispatched();
    expect(await make()).toEqual({ done: 3, open: [] });
    const [call] = service.calls;
    expect(call).toMatchObject({ subscriber: 'billing', attempt: 1 });
    expect(call!.events.map(({ id }) => id)).toEqual(ids);
    expect(call!.events[0]).toMatchObject({ type: 'invoice.paid', payload: { amount: 1 } });
    expect(service.headers[0]).toMatchObject({ 'webhook-id': call!.call_id });
  });

  it('is called under the same id for the same events, and names what is not done', async () => {
    const { ids, make } = await dispatched(4);
    const soon = new Date(Date.now() + 60_000).toISOString();
    service.serve = results(() => [
      { event_id: ids[0], state: 'retry', reason: 'Ada is locked', after_ms: 5000 },
      { event_id: ids[1], state: 'later', until: soon },
      { event_id: ids[2], state: 'dead', reason: 'Ada is unknown' },
      { event_id: ids[3], state: 'done' },
    ]);
    const { done, open } = await make();
    expect(done).toBe(1);
    expect(open).toMatchObject([
      { event_id: ids[0], state: 'retry', after_ms: 5000, cause: 'answered retry' },
      { event_id: ids[1], state: 'later' },
      { event_id: ids[2], state: 'dead', cause: 'answered dead' },
    ]);
    // What it says stands in Postgres alone.
    expect(JSON.stringify(open)).not.toContain('Ada');
    const [kept] = await test.database.pg`
      select last_error from knockon.attempts where event_id = ${ids[2]!}`;
    expect(kept!.last_error).toContain('answered dead: Ada is unknown');

    service.serve = (_, response) => response.writeHead(500).end();
    await (await dispatched(2)).make();
    const again = await dispatched(2);
    await again.make();
    await again.make();
    const callIds = service.calls.slice(-2).map(({ call_id }) => call_id);
    expect(new Set(callIds).size).toBe(1);
  });

  const first = (of: object) =>
    results(({ events }) => [{ event_id: events[0]!.id, state: 'retry', ...of }]);
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

  it.each<[what: string, serve: Serve, cause: RegExp]>([
    ['an unknown state', first({ state: 'fine' }), /a state other than/],
    ['a state of a wrong type', first({ state: 7 }), /a state other than/],
    ['a reason that is an object', first({ reason: { a: 1 } }), /a reason that is not a text/],
    ['a negative wait', first({ after_ms: -5 }), /an after_ms that is not/],
    ['a wait that is a text', first({ after_ms: '5' }), /an after_ms that is not/],
    ['a moment in the past', first({ state: 'later', until: inDays(-1) }), /an until that is not/],
    ['a moment in a year', first({ state: 'later', until: inDays(365) }), /an until that is not/],
    ['a moment that is none', first({ state: 'later', until: 'soon' }), /an until that is not/],
    ['later without a time', first({ state: 'later' }), /neither after_ms nor until/],
    [
      'twice the same event',
      results(({ events }) => [
        { event_id: events[0]!.id, state: 'done' },
        { event_id: events[0]!.id, state: 'dead' },
      ]),
      /two results for one event/,
    ],
  ])(
    'that answers %s has that event tried again, and the others are done',
    async (_, serve, cause) => {
      const { ids, make } = await dispatched(3);
      service.serve = serve;
      const { done, open } = await make();
      expect(done).toBe(2);
      expect(open).toMatchObject([{ event_id: ids[0], state: 'retry' }]);
      expect((open[0] as { cause: string }).cause).toMatch(cause);
    },
  );

  it('may write ids in capital letters', async () => {
    const { ids, make } = await dispatched(2);
    service.serve = results(() => [{ event_id: ids[0]!.toUpperCase(), state: 'retry' }]);
    expect(await make()).toMatchObject({ done: 1, open: [{ event_id: ids[0] }] });
  });

  const text =
    (body: string): Serve =>
    (_, response) =>
      response.writeHead(200).end(body);

  it('may write as null what it does not say', async () => {
    const { ids, make } = await dispatched(4);
    const unset = { reason: null, after_ms: null, until: null };
    service.serve = results(() => [
      { ...unset, event_id: ids[0], state: 'done' },
      { ...unset, event_id: ids[1], state: 'later', after_ms: 60_000 },
      { ...unset, event_id: ids[2], state: 'retry' },
      { ...unset, event_id: ids[3], state: 'later' },
    ]);
    const { done, open } = await make();
    expect(done).toBe(1);
    expect(open).toMatchObject([
      { event_id: ids[1], state: 'later' },
      { event_id: ids[2], state: 'retry', cause: 'answered retry' },
      { event_id: ids[3], state: 'retry', cause: 'answer: later, but neither after_ms nor until' },
    ]);
  });

  it('may write a list without results as null', async () => {
    const { make } = await dispatched(2);
    service.serve = text('{"results": null}');
    expect(await make()).toEqual({ done: 2, open: [] });
  });

  it('may name the moment of the next try', async () => {
    const { make } = await dispatched(2);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    service.serve = first({ until, after_ms: 5 });
    const { open } = await make();
    const { after_ms } = open[0] as { after_ms: number };
    expect(after_ms).toBeGreaterThan(3_500_000);
    expect(after_ms).toBeLessThanOrEqual(3_600_000);
  });

  const packed =
    (coding: string, body: Buffer): Serve =>
    (_, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body);
  it.each<[what: string, serve: Serve, cause: RegExp]>([
    [
      'an event that it was not sent',
      results(() => [{ event_id: '0', state: 'dead' }]),
      /was not sent/,
    ],
    ['a result without an id', results(() => [{ state: 'dead' }]), /without an `event_id`/],
    ['a result that is null', results(() => [null]), /without an `event_id`/],
    ['no JSON', text('OK'), /not JSON/],
    ['JSON that is no list', text('{"results": {}}'), /without the list/],
    ['null', text('null'), /without the list/],
    ['an object without the list', text('{}'), /without the list/],
    ['10 MB', text('x'.repeat(10_000_000)), /more than 1 MiB/],
    ['10 MB, packed', packed('gzip', gzipSync('x'.repeat(10_000_000))), /more than 1 MiB/],
    ['what is packed in a way unknown', packed('constructor', Buffer.from('{}')), /not unpack/],
    ['what is not packed as it says', packed('gzip', Buffer.from('{}')), /not unpack/],
    ['half of what is packed', packed('gzip', gzipSync('').subarray(0, 12)), /not unpack/],
    ['500', (_, response) => response.writeHead(500).end('Ada broke'), /HTTP 500/],
    ['410', (_, response) => response.writeHead(410).end(), /HTTP 410/],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/' }).end(), /HTTP 302/],
    ['nothing in time', () => {}, /timeout/],
    [
      'half an answer',
      (_, response) => response.writeHead(200, { 'content-length': 50 }).write('{"res'),
      /timeout/,
    ],
    [
      'by closing in the middle',
      (_, response) => {
        response.writeHead(200, { 'content-length': 50 });
        response.write('{"res', () => response.socket?.destroy());
      },
      /connection closed/,
    ],
    ['by closing at once', (_, response) => response.socket?.destroy(), /connection closed/],
  ])('that answers %s has every event tried again, with the cause', async (_, serve, cause) => {
    const { make } = await dispatched(2);
    service.serve = serve;
    const { done, open } = await make();
    expect(done).toBe(0);
    expect(open).toHaveLength(2);
    for (const outcome of open) {
      expect(outcome.state).toBe('retry');
      expect((outcome as { cause: string }).cause).toMatch(cause);
    }
    expect(JSON.stringify(open)).not.toContain('Ada');
    const [attempt] = await attempts();
    expect(attempt!.last_error).toMatch(cause.source === 'timeout' ? /within 1000 ms/ : /./);
    service.serve = (_, response) => response.writeHead(204).end();
    expect(await make()).toEqual({ done: 2, open: [] });
  });

  it.each<[coding: string, pack: (text: string) => Buffer]>([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['identity', (text) => Buffer.from(`\uFEFF${text}`)],
  ])('may pack its answer: %s %#', async (coding, pack) => {
    const { ids, make } = await dispatched(2);
    const answered = JSON.stringify({ results: [{ event_id: ids[0], state: 'retry' }] });
    service.serve = packed(coding, pack(answered));
    expect(await make()).toMatchObject({ done: 1, open: [{ event_id: ids[0] }] });
  });

  it('that asks for a rest gets nothing until then, and that uses up no try', async () => {
    service.serve = (_, response) => response.writeHead(503, { 'retry-after': '20' }).end();
    const one = await dispatched(2);
    const rested = await one.make();
    expect(rested.open.map(({ state }) => state)).toEqual(['later', 'later']);
    const other = await dispatched(2);
    const { open } = await other.make();
    expect(service.calls).toHaveLength(1);
    for (const outcome of open)
      expect((outcome as { in_ms: number }).in_ms).toBeGreaterThan(15_000);
  });

  it.each(['0', 'Sun, 06 Nov 1994 08:49:37 GMT'])(
    'that asks for a rest of no time (Retry-After: %s) rests a second, and that uses up no try',
    async (retryAfter) => {
      service.serve = (_, response) => response.writeHead(429, { 'retry-after': retryAfter }).end();
      const { open } = await (await dispatched(2)).make();
      expect(open).toMatchObject([
        { state: 'later', in_ms: 1000 },
        { state: 'later', in_ms: 1000 },
      ]);
      await (await dispatched(1)).make();
      expect(service.calls).toHaveLength(1);
      const [row] = await test.database.pg`select failures, failing_cause,
        resting_until > now() as is_resting from knockon.http_subscribers`;
      expect(row).toEqual({ failures: 0, failing_cause: 'HTTP 429', is_resting: true });
    },
  );

  it.each(['soon', '-1'])('that says Retry-After: %s is tried again', async (retryAfter) => {
    service.serve = (_, response) => response.writeHead(429, { 'retry-after': retryAfter }).end();
    expect((await (await dispatched(1)).make()).open).toMatchObject([{ state: 'retry' }]);
  });

  it('that keeps failing is asked by one call at a time', async () => {
    service.serve = (_, response) => response.writeHead(500).end();
    for (let i = 0; i < 3; i++) await (await dispatched(1)).make();
    const held = await dispatched(2);
    expect((await held.make()).open.map(({ state }) => state)).toEqual(['later', 'later']);
    expect(service.calls).toHaveLength(3);
    await test.database.pg`update knockon.http_subscribers set probe_at = now()`;
    service.serve = (_, response) => response.writeHead(204).end();
    expect(await held.make()).toMatchObject({ done: 2 });
    const [row] = await test.database
      .pg`select failures, failing_since from knockon.http_subscribers`;
    expect(row).toEqual({ failures: 0, failing_since: null });
  });

  it('that is not there uses up no try and keeps its group together, and another address holds at once', async () => {
    await service.stop();
    const alone = await dispatched(1);
    expect((await alone.make()).open.map(({ state }) => state)).toEqual(['later']);
    const { make } = await dispatched(2);
    expect((await make()).open.map(({ state }) => state)).toEqual(['later', 'later']);
    service = await HttpService.start();
    service.secret = SECRET;
    await subscribe();
    expect(await make()).toMatchObject({ done: 2 });
  });

  it('with an order gets the events of a key one after another, and holds no connection meanwhile', async () => {
    const { ids, make } = await dispatched(3, { key: 'a', ordering: 'key' });
    const idle: number[] = [];
    service.serve = async (_, response) => {
      const [row] = await test.database.pg`
        select count(*)::int as n from pg_stat_activity
        where datname = current_database() and state like 'idle in transaction%'`;
      idle.push(row!.n as number);
      response.writeHead(204).end();
    };
    expect(await make()).toMatchObject({ done: 3, open: [] });
    expect(service.calls.map(({ events }) => events.map(({ id }) => id))).toEqual(
      ids.map((id) => [id]),
    );
    expect(idle).toEqual([0, 0, 0]);
  });

  it('is tried with a signed call without events', async () => {
    const tell = trySubscriber({ db: test.database.db, seal, allow: loopback, timeoutMs: 1000 });
    expect(await tell('billing')).toMatchObject({ status: 204, error: null });
    expect(service.calls[0] as TakenCall).toMatchObject({ test: true, events: [] });
    service.serve = text('OK');
    expect(await tell('billing')).toMatchObject({ status: 200, response_excerpt: 'OK' });
    expect((await tell('billing'))!.error).toMatch(/not JSON/);
    expect(await tell('nobody')).toBeUndefined();
  });
});
