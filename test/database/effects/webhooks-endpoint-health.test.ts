import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import { openDeliveries } from '../../../src/activities/webhooks/delivery/deliveries.ts';
import {
  redeliver,
  sendTest,
  type WebhookDependencies,
  webhooks,
} from '../../../src/activities/webhooks/index.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import {
  loopback,
  perform as performOn,
  Receiver,
  type RegisterOptions,
  seal,
} from '../../harness/webhook-receiver.ts';
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
afterEach(async () => {
  vi.restoreAllMocks();
  await receiver.stop();
});

const register = (options?: RegisterOptions) =>
  receiver.register(fresh.database, talk.workspaceId, options);
/** A worker process of its own. */
const process = (options: Partial<WebhookDependencies> = {}) =>
  webhooks({ seal, allow: loopback, timeoutMs: 2000, ...options });
const perform = (effect: Effect, events: DomainEvent[], target?: string) =>
  performOn(fresh.database, events, { effect, target });
const answering = (status: number, headers = {}) => {
  receiver.answer = (response) => response.writeHead(status, headers).end();
};
const endpoint = async (id: string) =>
  (await fresh.database.pg`select * from knockon.endpoints where id = ${id}`)[0]!;
const states = async (id: string) =>
  (
    await fresh.database
      .pg`select state from knockon.deliveries where endpoint_id = ${id} order by id`
  ).map(({ state }) => state);
const atOnce = () => ({ db: fresh.database.db, seal, allow: loopback, timeoutMs: 2000 });

/** An endpoint that gets one request at a time. */
async function oneAtATime() {
  const row = await register();
  await fresh.database.pg`update knockon.endpoints set max_concurrency = 1 where id = ${row.id}`;
  return row;
}

/** As if these events' deliveries had been opened so long ago. */
const age = (events: DomainEvent[], by: string) =>
  fresh.database.pg.unsafe(
    `update knockon.deliveries set created_at = created_at - interval '${by}'
      where event_id = any($1::uuid[])`,
    [events.map((event) => event.id)],
  );
const restUntil = (id: string, moment: string) =>
  fresh.database.pg.unsafe(
    `update knockon.endpoints set resting_until = ${moment} where id = '${id}'`,
  );

async function posted(count: number): Promise<DomainEvent[]> {
  const ids = new Set<string>();
  for (let i = 0; i < count; i++) ids.add((await talk.post(`message ${i}`)).event_id);
  return (await talk.events()).filter((event) => ids.has(event.id));
}

describe('an endpoint that answers 410', () => {
  test('is disabled at once; what was for it and what waits is missed, and nobody asks it again', async () => {
    const { id } = await register();
    answering(500);
    const [waiting, ...events] = await posted(30);
    const effect = process();
    expect(await perform(effect, [waiting!])).toMatchObject([{ state: 'retry' }]);
    answering(410);
    const outcomes = await perform(effect, events);
    expect(outcomes.every(({ state }) => state === 'later')).toBe(true);
    const asked = receiver.requests.length;
    expect(asked).toBeLessThanOrEqual(1 + 8);
    expect(await endpoint(id)).toMatchObject({
      disabled_by: 'endpoint',
      disabled_reason: expect.stringContaining('410'),
      failures: 0,
    });
    expect(new Set(await states(id))).toEqual(new Set(['missed']));
    // Here and elsewhere, together and alone, at first and when it is called again.
    expect(await perform(effect, events)).toEqual([]);
    expect(await perform(process(), [waiting!], id)).toEqual([]);
    const later = await posted(3);
    expect(await perform(process(), later)).toEqual([]);
    expect(receiver.requests).toHaveLength(asked);
    expect(await states(id)).toEqual(Array(33).fill('missed'));
    const tried = await fresh.database
      .pg`select a.error from knockon.delivery_attempts a join knockon.deliveries d on d.id = a.delivery_id where d.event_id = any(${events.map((e) => e.id)}::uuid[])`;
    expect(tried.every(({ error }) => error === 'HTTP 410')).toBe(true);
  });

  test('as the answer to a probe, or to a test of its owner, is disabled as well', async () => {
    const { id } = await register();
    await fresh.database
      .pg`update knockon.endpoints set failures = 10, failing_since = now() - interval '1 minute', probe_at = now() where id = ${id}`;
    answering(410);
    expect(await perform(process(), await posted(1))).toEqual([]);
    expect(await endpoint(id)).toMatchObject({
      disabled_by: 'endpoint',
      failing_since: null,
      probe_at: null,
    });
    const other = await register();
    expect(await sendTest(atOnce())(other.id)).toMatchObject({ status: 410, error: 'HTTP 410' });
    expect(await endpoint(other.id)).toMatchObject({ disabled_by: 'endpoint' });
    expect(await states(other.id)).toEqual(['failed']);
  });

  test('at an address that its owner has changed meanwhile stays as it is', async () => {
    const { id } = await register();
    let answer = () => {};
    receiver.answer = (response) => {
      answer = () => response.writeHead(410).end();
    };
    const call = perform(process(), await posted(1));
    await vi.waitFor(() => expect(receiver.requests).toHaveLength(1), { timeout: 20_000 });
    await fresh.database
      .pg`update knockon.endpoints set url = ${receiver.url('/new')} where id = ${id}`;
    answer();
    await call;
    expect(await endpoint(id)).toMatchObject({ disabled_at: null });
  });

  test('has what it missed when somebody redelivers it, and its tests', async () => {
    const { id } = await register();
    answering(410);
    await perform(process(), await posted(1));
    answering(200);
    const [missed] = await fresh.database
      .pg`select id from knockon.deliveries where endpoint_id = ${id}`;
    expect(await redeliver(atOnce())(missed!.id)).toMatchObject({ status: 200, error: null });
    expect(await states(id)).toEqual(['delivered']);
    expect(await sendTest(atOnce())(id)).toMatchObject({ status: 200 });
    expect(await endpoint(id)).toMatchObject({ disabled_by: 'endpoint' });
  });
});

describe('a delivery that was given up', () => {
  const answering400At = (path: string) => {
    receiver.answer = (response, request) =>
      response.writeHead(request.path === path ? 400 : 503).end();
  };
  const giveUp = (eventId: string, target: string, retriedBy: string | null = null) =>
    fresh.database.pg`insert into knockon.dead_letters
      (event_id, subscriber, target, dispatch_id, cause, reason, retried_by)
      values (${eventId}, 'webhooks', ${target}, knockon.uuidv7(), 'HTTP 400', 'no', ${retriedBy})`;
  const disable = (id: string, isDisabled = true) =>
    fresh.database.pg`update knockon.endpoints
      set disabled_at = case when ${isDisabled} then now() end where id = ${id}`;

  test('is not missed while its endpoint is disabled: it can be retried once that is enabled', async () => {
    const refused = await register({ url: receiver.url('/refused') });
    const retried = await register({ url: receiver.url('/retried') });
    answering400At('/refused');
    const [event] = await posted(1);
    expect(await perform(process(), [event!])).toHaveLength(2);
    await giveUp(event!.id, refused.id);
    await disable(refused.id);
    // For another endpoint, and for the whole event.
    expect(await perform(process(), [event!], retried.id)).toHaveLength(1);
    expect(await perform(process(), [event!])).toHaveLength(1);
    expect(await states(refused.id)).toEqual(['pending']);
    await disable(refused.id, false);
    answering(200);
    expect(await perform(process(), [event!])).toEqual([]);
    expect(await states(refused.id)).toEqual(['delivered']);
  });

  test('is missed where it is retried while its endpoint is disabled', async () => {
    const { id } = await register();
    answering(500);
    const [event] = await posted(1);
    await perform(process(), [event!]);
    const dispatchId = event!.id;
    await giveUp(event!.id, id, dispatchId);
    await disable(id);
    await openDeliveries(fresh.database.db, [event!], { dispatchId });
    expect(await states(id)).toEqual(['missed']);
  });

  test('or waits for one endpoint is left as it is by a call for another', async () => {
    const one = await register({ url: receiver.url('/one') });
    const other = await register({ url: receiver.url('/other') });
    answering(500);
    const [event] = await posted(1);
    await perform(process(), [event!]);
    await disable(one.id);
    await perform(process(), [event!], other.id);
    expect(await states(one.id)).toEqual(['pending']);
    expect(await perform(process(), [event!], one.id)).toEqual([]);
    expect(await states(one.id)).toEqual(['missed']);
  });
});

describe('an endpoint that asks for a rest', () => {
  test.each([429, 503])(
    'with %i has it from all processes: no request, no try, no failure of its',
    async (status) => {
      const { id } = await register();
      answering(status, { 'retry-after': '60' });
      const events = await posted(40);
      const outcomes = await perform(process(), events.slice(0, 20));
      expect(receiver.requests.length).toBeLessThanOrEqual(8);
      expect(outcomes.filter(({ state }) => state === 'retry')).toHaveLength(
        receiver.requests.length,
      );
      const before = receiver.requests.length;
      const others = await perform(process(), events.slice(20));
      expect(receiver.requests).toHaveLength(before);
      for (const outcome of others) {
        expect(outcome).toMatchObject({
          state: 'later',
          in_ms: expect.toSatisfy((ms: number) => ms > 50_000 && ms < 90_000),
        });
      }
      expect(await endpoint(id)).toMatchObject({ failures: 0, failing_since: null });
    },
  );

  test('has what waited afterwards in portions, small ones first', async () => {
    await register();
    answering(429, { 'retry-after': '30' });
    const effect = process();
    await perform(effect, await posted(1));
    const waits = (await perform(effect, await posted(100))).map((outcome) =>
      'in_ms' in outcome ? (outcome.in_ms ?? 0) : 0,
    );
    const portions = [...new Set(waits)]
      .sort((a, b) => a - b)
      .map((ms) => waits.filter((other) => other === ms).length);
    expect(portions.length).toBeGreaterThanOrEqual(5);
    expect(portions[0]).toBeLessThanOrEqual(4);
    expect(Math.max(...waits) - Math.min(...waits)).toBeLessThanOrEqual(30_000);
    await fresh.database.pg`update knockon.endpoints set resting_until = now()`;
    answering(200);
    expect(await perform(effect, await posted(1))).toEqual([]);
  });

  test('has what waited, however few the tries are and however long it rests', async () => {
    const { id } = await oneAtATime();
    answering(429, { 'retry-after': '30' });
    const effect = () => process({ attempts: 3 });
    const events = await posted(6);
    for (const rests of [1, 2]) {
      const outcomes = await perform(effect(), events);
      expect(receiver.requests).toHaveLength(rests);
      expect(outcomes.map(({ state }) => state).sort()).toEqual([
        ...Array(5).fill('later'),
        'retry',
      ]);
      await age(events, '1 day');
      await restUntil(id, 'now()');
    }
    answering(200);
    expect(await perform(effect(), events)).toEqual([]);
  });

  test('is not asked for ever: what has waited a week is given up, unless it is retried', async () => {
    const { id } = await oneAtATime();
    answering(503, { 'retry-after': '86400' });
    const events = await posted(2);
    await perform(process(), events);
    await age(events, '8 days');
    const [first] = await perform(process(), events);
    expect(first).toMatchObject({
      state: 'dead',
      target: id,
      cause: 'HTTP 503',
      reason: expect.stringContaining('keeps asking for a rest'),
    });
    const retried = await performOn(fresh.database, events, { dispatchId: uuidv7() });
    expect(retried).toMatchObject([{ state: 'later' }, { state: 'later' }]);
    expect(receiver.requests).toHaveLength(1);
  });
});

describe('a delivery that is older than all its tries', () => {
  const fail = (id: string, since: string) =>
    fresh.database.pg.unsafe(`update knockon.endpoints set failures = 10,
      failing_since = now() - interval '${since}', probe_at = now() + interval '1 minute'
      where id = '${id}'`);

  test('waits for an endpoint that has failed for less, and is given up later', async () => {
    const { id } = await register();
    answering(500);
    const events = await posted(2);
    await perform(process(), events);
    await age(events, '1 day');
    await fail(id, '22 hours');
    expect(await perform(process(), events)).toMatchObject([
      { state: 'later' },
      { state: 'later' },
    ]);
    await fail(id, '23 hours');
    expect(await perform(process(), events)).toMatchObject([{ state: 'dead' }, { state: 'dead' }]);
  });

  test('begins anew with the dispatch that retries it', async () => {
    const { id } = await register();
    answering(500);
    const events = await posted(1);
    await perform(process(), events);
    await age(events, '1 day');
    await fail(id, '1 day');
    const retried = await performOn(fresh.database, events, { dispatchId: uuidv7() });
    expect(retried).toMatchObject([{ state: 'later' }]);
  });

  test('waits again for an endpoint that was healed meanwhile, and then asks for a rest', async () => {
    const { id } = await oneAtATime();
    answering(500);
    const events = await posted(6);
    await perform(process(), events);
    await age(events, '1 day');
    await fail(id, '1 day');
    await fresh.database.pg`update knockon.endpoints set probe_at = now() where id = ${id}`;
    receiver.answer = (response) =>
      receiver.requests.length === 7
        ? response.end()
        : response.writeHead(429, { 'retry-after': '3' }).end();
    const outcomes = await perform(process(), events);
    expect(outcomes).toHaveLength(5);
    expect(outcomes.filter(({ state }) => state === 'dead')).toEqual([]);
  });

  test('waits for a probe where there is a single try', async () => {
    const { id } = await register();
    await fail(id, '1 day');
    const effect = process({ attempts: 1 });
    const events = await posted(1);
    for (const _ of [1, 2])
      expect(await perform(effect, events)).toMatchObject([{ state: 'later' }]);
  });
});

test("whose worker's clock is five minutes fast, or slow, has what waited its turn in the same time", async () => {
  const real = Date.now;
  for (const ahead of [0, 300_000, -300_000]) {
    vi.spyOn(Date, 'now').mockImplementation(() => real() + ahead);
    talk = await startConversation(fresh.database);
    await register({ maxPerSecond: 2 });
    const before = receiver.requests.length;
    const outcomes = await perform(process(), await posted(10));
    expect(receiver.requests.length - before).toBe(4);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        state: 'later',
        in_ms: expect.toSatisfy((ms: number) => ms >= 0 && ms <= 5000),
      });
    vi.restoreAllMocks();
  }
});

describe('while the database can not be written', () => {
  test('a request that was made is not made again by its process: what came of it is recorded later', async () => {
    await register();
    // Places that were not given back would be missed afterwards.
    const effect = process({ concurrency: 2 });
    const events = await posted(20);
    await fresh.database.pg.unsafe(
      "create function refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = '57P01'; end $$",
    );
    await fresh.database.pg.unsafe(
      'create trigger refuse before insert on knockon.delivery_attempts execute function refuse()',
    );
    try {
      await expect(perform(effect, events)).rejects.toThrow();
      const made = receiver.requests.length;
      expect(made).toBeGreaterThan(0);
      expect(made).toBeLessThanOrEqual(8);
      await expect(perform(effect, events)).rejects.toThrow();
      await expect(perform(effect, events)).rejects.toThrow();
      expect(receiver.requests.length).toBeLessThanOrEqual(8);
    } finally {
      await fresh.database.pg.unsafe('drop trigger refuse on knockon.delivery_attempts');
    }
    expect(await perform(effect, events)).toEqual([]);
    expect(receiver.requests.map(({ event }) => event.id).sort()).toEqual(
      events.map(({ id }) => id).sort(),
    );
    const [row] =
      await fresh.database.db.execute(sql`select count(*)::int as n from knockon.delivery_attempts a join knockon.deliveries d on d.id = a.delivery_id
      where d.workspace_id = ${talk.workspaceId} and a.status = 200`);
    expect(row).toEqual({ n: 20 });
  });
});
