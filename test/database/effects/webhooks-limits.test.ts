import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import type { Unfinished } from '../../../src/activities/webhooks/delivery/deliver-to-endpoint.ts';
import type { OpenDelivery } from '../../../src/activities/webhooks/delivery/deliveries.ts';
import { mergeWaits } from '../../../src/activities/webhooks/delivery/merge-waits.ts';
import {
  totalRetryMs,
  type WebhookDependencies,
  webhooks,
} from '../../../src/activities/webhooks/index.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import type { OpenOutcome } from '../../../src/transport/dispatch.ts';
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
afterEach(() => receiver.stop());

const register = (options?: RegisterOptions) =>
  receiver.register(fresh.database, talk.workspaceId, options);
/** A worker process of its own. */
const process = (options: Partial<WebhookDependencies> = {}) =>
  webhooks({ seal, allow: loopback, timeoutMs: 2000, ...options });
const perform = (effect: Effect, events: DomainEvent[], target?: string) =>
  performOn(fresh.database, events, { effect, target });

async function posted(count: number): Promise<DomainEvent[]> {
  const ids = new Set<string>();
  for (let i = 0; i < count; i++) ids.add((await talk.post(`message ${i}`)).event_id);
  return (await talk.events()).filter((event) => ids.has(event.id));
}

const endpoint = async (id: string) =>
  (await fresh.database.pg`select * from knockon.endpoints where id = ${id}`)[0]!;
const later = (outcomes: OpenOutcome[]) =>
  outcomes.flatMap((outcome) => (outcome.state === 'later' ? [outcome] : []));
const idsOf = (outcomes: OpenOutcome[]) => new Set(outcomes.map((outcome) => outcome.event_id));
const tries = async () =>
  Number((await fresh.database.pg`select count(*) from knockon.delivery_attempts`)[0]!.count);

/** As if so many seconds had passed for the endpoints and what waits for them. */
async function pass(seconds: number): Promise<void> {
  const { db } = fresh.database;
  const before = sql`- make_interval(secs => ${seconds})`;
  await db.execute(
    sql`update knockon.deliveries set due_at = due_at ${before}, created_at = created_at ${before}`,
  );
  await db.execute(
    sql`update knockon.endpoints set reserved_until = reserved_until ${before}, queued_until = queued_until ${before}, failing_since = failing_since ${before}, probe_at = probe_at ${before}`,
  );
}

describe('an endpoint with a limit', () => {
  test('gets what there is room for in the next two seconds; the rest waits by a timer, a second together, and no try is used up', async () => {
    const { id } = await register({ maxPerSecond: 5 });
    const arrivals: number[] = [];
    receiver.answer = (response) => {
      arrivals.push(performance.now());
      response.end();
    };
    const events = await posted(30);
    const outcomes = await perform(process(), events);
    expect(receiver.requests).toHaveLength(10);
    expect(later(outcomes)).toHaveLength(20);
    expect(outcomes.every((outcome) => outcome.target === undefined)).toBe(true);
    const moments = new Map<number, number>();
    for (const { in_ms = 0 } of later(outcomes)) moments.set(in_ms, (moments.get(in_ms) ?? 0) + 1);
    expect(moments.size).toBeLessThanOrEqual(5);
    expect([...moments.values()].every((count) => count <= 5)).toBe(true);
    expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThan(9 * 200 * 0.9);
    expect(await endpoint(id)).toMatchObject({ failures: 0 });
    expect(await perform(process(), [events[0]!])).toEqual([]);
  });

  test('shares it among all processes', async () => {
    await register({ maxPerSecond: 5 });
    const events = await posted(40);
    const outcomes = await Promise.all(
      [0, 1, 2, 3].map((i) => perform(process(), events.slice(i * 10, i * 10 + 10))),
    );
    expect(receiver.requests.length).toBeLessThanOrEqual(11);
    expect(receiver.requests.length).toBeGreaterThanOrEqual(10);
    expect(idsOf(outcomes.flat()).size).toBe(40 - receiver.requests.length);
    const moments = later(outcomes.flat()).map(({ until }) => Date.parse(until));
    expect((Math.max(...moments) - Math.min(...moments)) / 1000).toBeGreaterThanOrEqual(4);
  });

  test('first gives what has waited its turn, then what is new', async () => {
    await register({ maxPerSecond: 1 });
    const [a, b, c, d] = await posted(4);
    expect([...idsOf(await perform(process(), [a!, b!, c!]))]).toEqual([c!.id]);
    expect([...idsOf(await perform(process(), [d!]))]).toEqual([d!.id]);
    await pass(2.5);
    expect([...idsOf(await perform(process(), [d!, c!]))]).toEqual([]);
    expect(receiver.requests.map(({ event }) => event.id).slice(2)).toEqual([c!.id, d!.id]);
  });

  test('keeps to it after workers were away, although everything is due by then', async () => {
    await register({ maxPerSecond: 5 });
    const events = await posted(40);
    await perform(process(), events);
    await pass(3600);
    const before = receiver.requests.length;
    const outcomes = await perform(process(), events);
    expect(receiver.requests.length - before).toBe(10);
    expect(later(outcomes)).toHaveLength(40 - receiver.requests.length);
  });

  test('of requests at once gets no more of them from a process, however quick it is', async () => {
    const { id } = await register();
    let [now, most] = [0, 0];
    receiver.answer = (response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        response.end();
      }, 20);
    };
    const worker = process();
    await perform(worker, await posted(20));
    expect(most).toBeGreaterThan(2);
    await fresh.database.pg`update knockon.endpoints set max_concurrency = 2 where id = ${id}`;
    most = 0;
    expect(await perform(worker, await posted(20))).toEqual([]);
    expect(most).toBe(2);
  });

  test('may have one in ten seconds', async () => {
    await register({ maxPerSecond: 0.1 });
    const events = await posted(3);
    const outcomes = later(await perform(process(), events));
    expect(receiver.requests).toHaveLength(1);
    const waits = outcomes.map(({ until }) => Math.round((Date.parse(until) - Date.now()) / 1000));
    expect(waits[0]).toBeGreaterThanOrEqual(9);
    expect(waits[1]! - waits[0]!).toBe(10);
  });

  test('delays no other endpoint of the same event', async () => {
    const slow = await register({ url: receiver.url('/limited'), maxPerSecond: 1 });
    await register({ url: receiver.url('/free') });
    const events = await posted(10);
    const outcomes = await perform(process(), events);
    expect(receiver.requests.filter(({ path }) => path === '/free')).toHaveLength(10);
    expect(receiver.requests.filter(({ path }) => path === '/limited')).toHaveLength(2);
    expect(idsOf(outcomes).size).toBe(8);
    expect(await perform(process(), [events[9]!], slow.id)).toMatchObject([
      { state: 'later', target: slow.id },
    ]);
  });

  test('has what waits called again one by one where another endpoint of the event is retried', () => {
    const events = new Map(['a', 'b'].map((id) => [id, { id } as DomainEvent]));
    const waits = (event_id: string, endpoint_id: string, at: number): Unfinished => ({
      delivery: { event_id, endpoint_id } as OpenDelivery,
      at,
    });
    const failed: OpenOutcome = { event_id: 'b', target: 'y', state: 'retry', reason: 'no' };
    const left = [
      waits('a', 'x', 11_500),
      waits('b', 'x', 12_000),
      failed,
      waits('a', 'y', 10_400),
    ];
    expect(mergeWaits(left, ({ event_id }) => events.get(event_id)!, false, 10_000)).toMatchObject([
      { event_id: 'a', state: 'later', in_ms: 1000 },
      { event_id: 'b', target: 'x', state: 'later', in_ms: 2000 },
      failed,
    ]);
  });
});

describe('an endpoint that fails constantly', () => {
  const circuit = { failures: 5, firstMs: 30_000, longestMs: 900_000 };
  const failing = () => {
    receiver.answer = (response) => response.writeHead(500).end();
  };

  test('is left alone after so many failures in a row: the rest waits and uses up no try', async () => {
    const { id } = await register();
    failing();
    const outcomes = await perform(process({ circuit }), await posted(50));
    expect(receiver.requests.length).toBeGreaterThanOrEqual(5);
    expect(receiver.requests.length).toBeLessThanOrEqual(12);
    expect(later(outcomes)).toHaveLength(50 - receiver.requests.length);
    // The first of them after that, the others in ever larger portions: so few ask in vain.
    const waits = later(outcomes).map(({ until }) => (Date.parse(until) - Date.now()) / 1000);
    expect(Math.min(...waits)).toBeCloseTo(30, -1);
    expect(Math.max(...waits)).toBeLessThan(60);
    expect(waits.filter((seconds) => seconds < 32).length).toBeLessThanOrEqual(4);
    expect(await endpoint(id)).toMatchObject({
      failures: receiver.requests.length,
      failing_since: expect.any(Date),
    });
  });

  test('is tried by one delivery at a time, across processes, and each time later', async () => {
    await register();
    failing();
    const events = await posted(20);
    await perform(process({ circuit }), events);
    for (const [seconds, next] of [
      [31, 31],
      [32, 63],
      [64, 127],
    ] as const) {
      await pass(seconds);
      const before = receiver.requests.length;
      const outcomes = (
        await Promise.all(
          [0, 1, 2].map((i) => perform(process({ circuit }), events.slice(i * 6, i * 6 + 6))),
        )
      ).flat();
      expect(receiver.requests.length - before).toBe(1);
      expect(outcomes.filter(({ state }) => state === 'retry')).toHaveLength(1);
      const [row] = await fresh.database
        .pg`select extract(epoch from probe_at - now()) as wait from knockon.endpoints where workspace_id = ${talk.workspaceId}`;
      expect(Math.abs(Number(row!.wait) - next)).toBeLessThan(8);
    }
  });

  test('is healed by the first success, and has the others at once', async () => {
    const { id } = await register();
    failing();
    const events = await posted(20);
    await perform(process({ circuit }), events);
    receiver.answer = (response) => response.end();
    expect(later(await perform(process({ circuit }), events))).toHaveLength(20);
    await pass(31);
    expect(await perform(process({ circuit }), events)).toEqual([]);
    expect(await endpoint(id)).toMatchObject({ failures: 0, failing_since: null, probe_at: null });
  });

  test('counts only failures in a row', async () => {
    const { id } = await register();
    const effect = process({ circuit });
    const events = await posted(8);
    for (const [i, event] of events.entries()) {
      receiver.answer = (response) => response.writeHead(i === 4 ? 200 : 500).end();
      await perform(effect, [event]);
    }
    expect(await endpoint(id)).toMatchObject({ failures: 3, failing_since: null });
  });

  test('gives deliveries up that have waited for it as long as all their tries would have taken', async () => {
    const { id } = await register();
    failing();
    const effect = process({ circuit, attempts: 3 });
    expect(totalRetryMs(effect.retry)).toBe(20_000);
    const events = await posted(20);
    await perform(effect, events);
    const before = receiver.requests.length;
    expect(await perform(effect, events)).toEqual(
      expect.arrayContaining([expect.objectContaining({ state: 'later' })]),
    );
    await pass(25);
    const outcomes = await perform(effect, events);
    expect(receiver.requests).toHaveLength(before);
    expect(outcomes).toHaveLength(20);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        state: 'dead',
        target: id,
        cause: 'HTTP 500',
        reason: expect.stringContaining('keeps failing'),
      });
    }
  });

  test('is not held against it that the worker stops, or has the wrong secret', async () => {
    const { id } = await register();
    const wrong = webhooks({
      seal: {
        close: seal.close,
        open: () => {
          throw new Error('no');
        },
      },
      allow: loopback,
      timeoutMs: 2000,
      circuit,
    });
    await perform(wrong, await posted(10));
    expect(await endpoint(id)).toMatchObject({ failures: 0 });
  });

  test('delays no other endpoint', async () => {
    await register({ url: receiver.url('/bad') });
    await register({ url: receiver.url('/good') });
    receiver.answer = (response, { path }) => response.writeHead(path === '/bad' ? 500 : 200).end();
    await perform(process({ circuit }), await posted(30));
    expect(receiver.requests.filter(({ path }) => path === '/good')).toHaveLength(30);
  });
});

describe('slow endpoints', () => {
  test('hold so many calls of a process and no more: others go on, and what is too much waits', async () => {
    const slow = await register({ url: receiver.url('/slow') });
    const held: (() => void)[] = [];
    receiver.answer = (response, { path }) => {
      if (path === '/slow') held.push(() => response.end());
      else response.end();
    };
    const effect = process({ timeoutMs: 20_000 });
    const events = await posted(12);
    const calls = events.slice(0, 8).map((event) => perform(effect, [event], slow.id));
    // One at first: that it is slow is not known yet.
    await expect.poll(() => held).toHaveLength(8);
    const outcome = await perform(effect, [events[8]!]);
    expect(outcome).toMatchObject([{ state: 'later' }]);
    await register({ url: receiver.url('/quick') });
    expect(await perform(effect, [events[9]!])).toMatchObject([{ state: 'later' }]);
    expect(receiver.requests.filter(({ path }) => path === '/quick')).toHaveLength(1);
    for (const answer of held) answer();
    expect(await Promise.all(calls)).toEqual(Array(8).fill([]));
  });

  test('leave a group of 500 to other calls in time: what was not begun is called again in portions', async () => {
    await register();
    let clock = 0;
    const real = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => real() + clock);
    receiver.answer = (response) => {
      clock += 2000;
      response.end();
    };
    const events = await posted(500);
    const outcomes = await perform(process(), events);
    vi.restoreAllMocks();
    expect(receiver.requests.length).toBeLessThan(60);
    expect(later(outcomes)).toHaveLength(500 - receiver.requests.length);
    const portions = new Map<number, number>();
    for (const { in_ms = 0 } of later(outcomes))
      portions.set(in_ms, (portions.get(in_ms) ?? 0) + 1);
    expect(Math.max(...portions.values())).toBeLessThanOrEqual(60);
    expect(await tries()).toBeGreaterThan(0);
  });
});

test('a group that no endpoint wants costs one query', async () => {
  const events = await posted(50);
  const execute = vi.spyOn(fresh.database.db, 'execute');
  expect(await perform(process(), events)).toEqual([]);
  expect(execute).toHaveBeenCalledTimes(1);
  execute.mockRestore();
});
