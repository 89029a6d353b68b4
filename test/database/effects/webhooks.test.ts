import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { retryAfterMs } from '../../../src/activities/runtime/http/retry-after.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { webhooks } from '../../../src/activities/webhooks/index.ts';
import { endpoints } from '../../../src/db/schema/webhooks.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { loopback, perform as performOn, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { type Conversation, startConversation } from './conversation.ts';

let fresh: TestDatabase;
let receiver: Receiver;
let talk: Conversation;

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());
beforeEach(async () => {
  receiver = await Receiver.start();
  talk = await startConversation(fresh.database);
});
afterEach(() => receiver.stop());

const register = (options?: Parameters<Receiver['register']>[2]) =>
  receiver.register(fresh.database, talk.workspaceId, options);
const perform = (events: DomainEvent[], options?: Parameters<typeof performOn>[2]) =>
  performOn(fresh.database, events, options);

/** The event of a message just posted. */
async function posted(text = 'hello'): Promise<DomainEvent> {
  const { event_id } = await talk.post(text);
  return (await talk.events()).find((event) => event.id === event_id)!;
}

const deliveries = () =>
  fresh.database.db.execute(sql`
    select d.event_id, d.endpoint_id, d.state, d.delivered_at is not null as dated,
      (select json_agg(status order by a.id) from knockon.delivery_attempts a where a.delivery_id = d.id) as statuses,
      (select json_agg(error order by a.id) from knockon.delivery_attempts a where a.delivery_id = d.id) as errors,
      (select json_agg(response_excerpt order by a.id) from knockon.delivery_attempts a where a.delivery_id = d.id) as excerpts
    from knockon.deliveries d where d.workspace_id = ${talk.workspaceId} order by d.id`);

test('an endpoint gets the event as it lies in the log, signed so that the official library verifies it', async () => {
  await register();
  const event = await posted('naïve café 🎉');
  expect(await perform([event])).toEqual([]);
  expect(receiver.requests).toHaveLength(1);
  const [request] = receiver.requests;
  expect(request!.event).toEqual(event);
  expect(Object.keys(request!.event)).toEqual(
    'id type version workspace_id channel_id message_id key seq timestamp payload'.split(' '),
  );
  expect(request!.headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-id': event.id,
    'user-agent': expect.stringMatching(/^Knock-on\/\d+\.\d+\.\d+/),
  });
  expect(await deliveries()).toMatchObject([
    { event_id: event.id, state: 'delivered', dated: true, statuses: [200], errors: [null] },
  ]);
});

test('only endpoints of the same workspace that want the type get an event', async () => {
  const other = await startConversation(fresh.database);
  await receiver.register(fresh.database, other.workspaceId, { url: receiver.url('/other') });
  await register({ url: receiver.url('/all') });
  await register({ url: receiver.url('/created'), types: ['message.deleted', 'message.created'] });
  await register({ url: receiver.url('/deleted'), types: ['message.deleted'] });
  await perform([await posted()]);
  expect(receiver.requests.map((request) => request.path).sort()).toEqual(['/all', '/created']);
});

test('what was delivered is not sent again when the call is repeated', async () => {
  await register();
  const event = await posted();
  await perform([event]);
  expect(await perform([event])).toEqual([]);
  expect(await perform([event], { target: 'nobody' })).toEqual([]);
  expect(receiver.requests).toHaveLength(1);
});

test('a failing endpoint is retried alone, under the same webhook-id, while the others are done', async () => {
  const good = await register({ url: receiver.url('/good') });
  const bad = await register({ url: receiver.url('/bad') });
  receiver.answer = (response, { path }) =>
    response
      .writeHead(path === '/bad' ? 500 : 204)
      .end(path === '/bad' ? 'disk\n full' : undefined);
  const event = await posted();
  expect(await perform([event])).toMatchObject([
    {
      event_id: event.id,
      target: bad.id,
      state: 'retry',
      cause: 'HTTP 500',
      reason: `127.0.0.1:${receiver.port} answered 500 to message.created: disk full`,
    },
  ]);
  receiver.answer = (response) => response.end();
  expect(await perform([event], { target: bad.id })).toEqual([]);
  expect(receiver.requests.map((request) => request.path).sort()).toEqual([
    '/bad',
    '/bad',
    '/good',
  ]);
  expect(new Set(receiver.requests.map((request) => request.headers['webhook-id']))).toEqual(
    new Set([event.id]),
  );
  expect(await perform([event])).toEqual([]);
  expect(receiver.requests).toHaveLength(3);
  const rows = await deliveries();
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual(
    expect.objectContaining({
      endpoint_id: bad.id,
      state: 'delivered',
      statuses: [500, 200],
      errors: ['HTTP 500', null],
    }),
  );
  expect(rows).toContainEqual(
    expect.objectContaining({ endpoint_id: good.id, state: 'delivered', statuses: [204] }),
  );
});

test('in a group one bad event does not touch its neighbours', async () => {
  const { id } = await register();
  const events = [];
  for (let i = 0; i < 20; i++) events.push(await posted(`message ${i}`));
  receiver.answer = (response, { event }) =>
    response.writeHead(event.payload.text === 'message 7' ? 400 : 200).end();
  expect(await perform(events)).toMatchObject([
    { event_id: events[7]!.id, target: id, state: 'retry', cause: 'HTTP 400' },
  ]);
  expect(receiver.requests).toHaveLength(20);
});

test.each([
  [429, '7', 7000],
  [503, '120', 120_000],
  [429, '99999999', 86_400_000],
  [429, `9${'0'.repeat(400)}`, 86_400_000],
  [503, 'soon', undefined],
  [500, '7', undefined],
  [429, '0', undefined],
  [429, '-1', undefined],
  [429, '1.5', undefined],
  [429, '2026-11', undefined],
  [429, '2126-11-28T12:00:00Z', undefined],
  [429, 'Sun, 06 Nov 1994 08:49:37 GMT', undefined],
])(
  'HTTP %i with Retry-After "%s" is tried again after %s ms',
  async (status, retryAfter, afterMs) => {
    await register();
    receiver.answer = (response) => response.writeHead(status, { 'retry-after': retryAfter }).end();
    const [outcome] = await perform([await posted()]);
    expect(outcome).toMatchObject({ state: 'retry', cause: `HTTP ${status}` });
    expect(outcome).toHaveProperty('after_ms', afterMs);
  },
);

describe('a Retry-After', () => {
  const now = Date.UTC(2026, 10, 28, 12, 0, 0);
  test.each([
    ['Sat, 28 Nov 2026 12:01:00 GMT', 60_000],
    ['Saturday, 28-Nov-26 12:01:00 GMT', 60_000],
    ['Sat Nov 28 12:01:00 2026', 60_000],
    ['Tue Dec  1 12:00:00 2026', 86_400_000],
    ['Saturday, 28-Nov-76 12:01:00 GMT', 86_400_000],
    ['Saturday, 28-Nov-77 12:01:00 GMT', undefined],
    ['Sat, 28 Nov 2026 11:59:59 GMT', undefined],
    ['Sat, 28 Nov 2026 12:01:00 +0000', undefined],
    ['28 Nov 2026 12:01:00 GMT', undefined],
    ['Wed, 31 Feb 2027 12:01:00 GMT', undefined],
    ['2026-11-28T12:01:00Z', undefined],
    ['1e3', undefined],
    ['', undefined],
  ])('of %j asks for %s ms', (retryAfter, ms) => {
    expect(retryAfterMs({ retryAfter }, now)).toBe(ms);
  });

  test("that is a date is told by the answer's own clock, not by ours", () => {
    const answer = {
      retryAfter: 'Sat, 28 Nov 2026 12:01:00 GMT',
      date: 'Sat, 28 Nov 2026 12:00:00 GMT',
    };
    expect(retryAfterMs(answer, now + 300_000)).toBe(60_000);
  });
});

test('a redirect is not followed', async () => {
  await register({ url: receiver.url('/from') });
  receiver.answer = (response) => response.writeHead(307, { location: receiver.url('/to') }).end();
  expect(await perform([await posted()])).toMatchObject([
    {
      state: 'retry',
      cause: 'HTTP 307',
      reason: expect.stringContaining('redirects are not followed'),
    },
  ]);
  expect(receiver.requests.map((request) => request.path)).toEqual(['/from']);
});

test('of an answer 1 KiB is kept, and a body without end delays nothing', async () => {
  await register();
  receiver.answer = (response) => {
    response.write(`\0${'x'.repeat(5000)}`);
    const more = setInterval(() => response.write('y'.repeat(5000)), 5);
    response.on('close', () => clearInterval(more));
  };
  expect(await perform([await posted()])).toEqual([]);
  expect(await deliveries()).toMatchObject([{ state: 'delivered', excerpts: ['x'.repeat(1023)] }]);
});

test('an endpoint that answers 200 and then stalls has its event', async () => {
  await register();
  receiver.answer = (response) => response.writeHead(200).write('half a');
  expect(await perform([await posted()], { timeoutMs: 300 })).toEqual([]);
  expect(await deliveries()).toMatchObject([{ state: 'delivered', excerpts: ['half a'] }]);
});

test('an endpoint that does not answer in time is tried again, and its neighbours are not held up', async () => {
  const slow = await register({ url: receiver.url('/slow') });
  await register({ url: receiver.url('/quick') });
  receiver.answer = (response, { path }) => void (path === '/quick' && response.end());
  const events = [await posted(), await posted(), await posted()];
  const outcomes = await perform(events, { timeoutMs: 300 });
  expect(outcomes).toMatchObject(
    events.map((event) => ({
      event_id: event.id,
      target: slow.id,
      state: 'retry',
      cause: 'timeout',
      reason: `127.0.0.1:${receiver.port} could not be given message.created: timeout (no answer within 300 ms)`,
    })),
  );
  expect((await deliveries()).filter((row) => row.state === 'delivered')).toHaveLength(3);
});

test('one endpoint gets at most eight requests at a time from a process, whatever calls they come from', async () => {
  await register();
  let [open, most] = [0, 0];
  const held: (() => void)[] = [];
  receiver.answer = (response) => {
    most = Math.max(most, ++open);
    held.push(() => {
      open--;
      response.end();
    });
  };
  const effect = webhooks({ seal, allow: loopback, timeoutMs: 20_000 });
  const groups = [];
  for (let i = 0; i < 3; i++)
    groups.push([
      await posted(),
      await posted(),
      await posted(),
      await posted(),
      await posted(),
      await posted(),
    ]);
  const calls = Promise.all(groups.map((events) => perform(events, { effect })));
  for (const total of [8, 16, 18]) {
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(total), { timeout: 10_000 });
    for (const answer of held.splice(0)) answer();
  }
  expect(await calls).toEqual([[], [], []]);
  expect(most).toBe(8);
});

test('a closed port, a broken connection, a name nobody has and an answer that is not HTTP are tried again, each under its cause', async () => {
  const gone = await Receiver.start();
  const closed = gone.url();
  await gone.stop();
  await register({ url: closed });
  await register({ url: 'http://nobody.invalid/hook' });
  await register({ url: receiver.url('/broken') });
  await register({ url: `https://127.0.0.1:${receiver.port}/tls` });
  receiver.answer = (response) => response.destroy();
  const outcomes = await perform([await posted()]);
  expect(outcomes.map((outcome) => outcome.state)).toEqual(Array(4).fill('retry'));
  const causes = outcomes.map((outcome) => String('cause' in outcome && outcome.cause)).sort();
  expect(causes).toEqual(['TLS', 'connection closed', 'connection refused', 'name not resolved']);
});

test('two calls for the same event at once leave one delivery', async () => {
  await register();
  const events = [await posted(), await posted(), await posted()];
  await Promise.all(Array.from({ length: 6 }, () => perform(events)));
  const rows = await deliveries();
  expect(rows).toHaveLength(3);
  expect(rows.every((row) => row.state === 'delivered')).toBe(true);
});

test('a call that meets the delivery of another one, not yet delivered, does not take it for done', async () => {
  await register();
  const event = await posted();
  let answerFirst = () => {};
  receiver.answer = (response) => {
    if (receiver.requests.length === 1) answerFirst = () => response.writeHead(500).end();
    else response.writeHead(500).end();
  };
  const first = perform([event]);
  await vi.waitFor(() => expect(receiver.requests).toHaveLength(1));
  expect(await perform([event])).toMatchObject([{ state: 'retry' }]);
  answerFirst();
  expect(await first).toMatchObject([{ state: 'retry' }]);
});

test('an endpoint that was deleted meanwhile, or no longer wants the type, leaves nothing to do', async () => {
  const deleted = await register();
  const changed = await register();
  receiver.answer = (response) => response.writeHead(500).end();
  const event = await posted();
  expect(await perform([event])).toHaveLength(2);
  await fresh.database.db.delete(endpoints).where(sql`id = ${deleted.id}`);
  await fresh.database.db
    .update(endpoints)
    .set({ event_types: ['message.deleted'] })
    .where(sql`id = ${changed.id}`);
  expect(await perform([event], { target: deleted.id })).toEqual([]);
  expect(await perform([event])).toEqual([]);
  expect(receiver.requests).toHaveLength(2);
});

test('an endpoint gets the types that its patterns stand for', async () => {
  await register({ types: ['message.*'], url: receiver.url('/messages') });
  await register({ types: ['channel.*'], url: receiver.url('/channels') });
  const event = await posted();
  const opened = (await talk.events()).find(({ type }) => type === 'channel.created')!;
  expect(await perform([opened, event])).toEqual([]);
  expect(receiver.requests.map((request) => [request.path, request.event.type]).sort()).toEqual([
    ['/channels', 'channel.created'],
    ['/messages', 'message.created'],
  ]);
});

test('an endpoint made between two tries of an event does not get it', async () => {
  const { id } = await register({ url: receiver.url('/old') });
  receiver.answer = (response) => response.writeHead(500).end();
  const event = await posted();
  await perform([event]);
  await register({ url: receiver.url('/new') });
  receiver.answer = (response) => response.end();
  expect(await perform([event], { target: id })).toEqual([]);
  expect(await perform([event])).toEqual([]);
  expect(receiver.requests.map((request) => request.path)).toEqual(['/old', '/old']);
});

test('an endpoint whose URL was corrected gets the retry at the new one', async () => {
  const { id } = await register({ url: receiver.url('/wrong') });
  receiver.answer = (response, { path }) => response.writeHead(path === '/wrong' ? 404 : 200).end();
  const event = await posted();
  expect(await perform([event])).toMatchObject([{ cause: 'HTTP 404' }]);
  await fresh.database.db
    .update(endpoints)
    .set({ url: receiver.url('/right') })
    .where(sql`id = ${id}`);
  expect(await perform([event], { target: id })).toEqual([]);
});

test('a worker that stops leaves what it has begun to be tried again and what it has not to be called again', async () => {
  await register();
  const stop = new AbortController();
  receiver.answer = () => stop.abort();
  const events = [];
  for (let i = 0; i < 20; i++) events.push(await posted());
  const outcomes = await perform(events, { signal: stop.signal });
  expect(outcomes).toHaveLength(20);
  expect(
    outcomes.filter((outcome) => outcome.state === 'retry' && outcome.cause === 'interrupted')
      .length,
  ).toBeGreaterThan(0);
  expect(outcomes.filter((outcome) => outcome.state === 'later')).toHaveLength(19);
});

test("a secret sealed under another KNOCKON_SECRET is the worker's fault: tried again, and nothing is sent", async () => {
  await register();
  const outcomes = await perform([await posted()], {
    secret: 'another secret of thirty-two letters',
  });
  expect(outcomes).toMatchObject([{ state: 'retry', cause: 'secret unreadable' }]);
  expect(receiver.requests).toHaveLength(0);
  expect(
    seal.open(
      (
        await fresh.database.db
          .select()
          .from(endpoints)
          .where(sql`workspace_id = ${talk.workspaceId}`)
      )[0]!.secret,
    ),
  ).toBe(receiver.secret);
});

test('through the runtime: the receipt is written when the last endpoint has the event, and after it nothing is sent', async () => {
  await register({ url: receiver.url('/good') });
  const bad = await register({ url: receiver.url('/bad') });
  receiver.answer = (response, { path }) =>
    response.writeHead(path === '/bad' ? 503 : 200, { 'retry-after': '3' }).end();
  const event = await posted();
  const effect = webhooks({ seal, allow: loopback, timeoutMs: 2000 });
  const { db } = fresh.database;
  await db.execute(
    sql`insert into knockon.dispatches (id, type, size, subscribers) values (${event.id}, 'message.created', 1, '{webhooks}')`,
  );
  const call = (target?: string) => {
    const events = { ids: [event.id] };
    return answer(
      effect,
      db,
      { dispatch_id: event.id, subscriber: 'webhooks', events, target, alone: true },
      new AbortController().signal,
    );
  };
  const receipts = () =>
    db.execute(
      sql`select from knockon.receipts where event_id = ${event.id} and subscriber = 'webhooks'`,
    );
  expect(await call()).toMatchObject({
    done: 0,
    open: [{ target: bad.id, state: 'retry', after_ms: 3000 }],
  });
  expect(await call(bad.id)).toMatchObject({ done: 0, open: [{ target: bad.id, state: 'later' }] });
  await db.execute(sql`update knockon.endpoints set resting_until = now()`);
  await expect(call(bad.id)).rejects.toMatchObject({
    type: 'EffectRetry',
    afterMs: 3000,
    message: expect.stringContaining('503'),
  });
  await db.execute(sql`update knockon.endpoints set resting_until = now()`);
  receiver.answer = (response) => response.end();
  expect(await call(bad.id)).toEqual({ done: 1, open: [] });
  expect(await receipts()).toHaveLength(0);
  expect(await call()).toEqual({ done: 1, open: [] });
  expect(await receipts()).toHaveLength(1);
  expect(await call()).toEqual({ done: 0, open: [] });
  expect(
    receiver.requests.map((request) => request.path).sort((a, b) => a.localeCompare(b)),
  ).toEqual(['/bad', '/bad', '/bad', '/good']);
});
