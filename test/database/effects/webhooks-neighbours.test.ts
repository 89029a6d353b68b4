import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { machineTime } from '../../../src/activities/runtime/effect.ts';
import { type WebhookDependencies, webhooks } from '../../../src/activities/webhooks/index.ts';
import { SLOW_MS } from '../../../src/activities/webhooks/limits/response-times.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { loopback, perform as performOn, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { type Conversation, startConversation } from './conversation.ts';

let fresh: TestDatabase;
let receiver: Receiver;
/** Requests that get no answer until they are let go. */
let held: (() => void)[];

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());
beforeEach(async () => {
  receiver = await Receiver.start();
  held = [];
  receiver.answer = (response, { path }) => {
    if (path.startsWith('/slow')) held.push(() => response.end());
    else response.end();
  };
});
afterEach(async () => {
  letGo();
  await receiver.stop();
});

const letGo = () => {
  for (const answer of held.splice(0)) answer();
};
/** A worker process of its own. */
const process = (options: Partial<WebhookDependencies> = {}) =>
  webhooks({ seal, allow: loopback, timeoutMs: 20_000, ...options });
const perform = (effect: ReturnType<typeof process>, events: DomainEvent[], target?: string) =>
  performOn(fresh.database, events, { effect, target });

/** A workspace with endpoints at these paths, and as many events. */
async function workspace(
  events: number,
  ...paths: string[]
): Promise<{ talk: Conversation; events: DomainEvent[]; endpoints: string[] }> {
  const talk = await startConversation(fresh.database);
  const endpoints = [];
  for (const path of paths) {
    const { id } = await receiver.register(fresh.database, talk.workspaceId, {
      types: ['message.created'],
      url: receiver.url(path),
    });
    endpoints.push(id);
  }
  await Promise.all(Array.from({ length: events }, () => talk.post('hello')));
  return {
    talk,
    events: (await talk.events()).filter(({ type }) => type === 'message.created'),
    endpoints,
  };
}

const workspaces = (count: number, events: number, ...paths: string[]) =>
  Promise.all(Array.from({ length: count }, () => workspace(events, ...paths)));
const requestsAt = (path: string) =>
  receiver.requests.filter((request) => request.path === path).length;
const soon = { timeout: 20_000, interval: 20 };

describe('a quick endpoint', () => {
  test('has its event while endpoints of 60 other workspaces keep all their requests waiting', async () => {
    const effect = process();
    const slow = await workspaces(60, 6, '/slow');
    const quick = await workspace(1, '/quick');
    const calls = Promise.all(slow.map(({ events }) => perform(effect, events)));
    await vi.waitFor(() => expect(held.length).toBeGreaterThanOrEqual(60), soon);
    expect(await perform(effect, quick.events)).toEqual([]);
    expect(requestsAt('/quick')).toBe(1);
    await drained(calls);
  });

  test('has its event although it travels with those of slow ones, and before any of them has answered', async () => {
    const slow = await workspaces(20, 1, '/slow');
    const quick = await workspace(50, '/quick');
    const all = [...slow.flatMap(({ events }) => events), ...quick.events];
    const call = perform(process(), all);
    await vi.waitFor(() => expect(requestsAt('/quick')).toBe(50), soon);
    expect(held).toHaveLength(20);
    await drained(call);
  });

  test('keeps nobody waiting who travels with slow ones of other workspaces: these are called again apart', async () => {
    const effect = process();
    const quick = await workspace(2, '/quick');
    await perform(effect, quick.events.slice(0, 1));
    const slow = await workspaces(3, 2, '/slow');
    const all = [...slow.flatMap(({ events }) => events), ...quick.events];
    if (!('perform' in effect)) throw new Error('webhooks call the outside');
    const call = {
      ...machineTime,
      db: fresh.database.db,
      target: undefined,
      signal: new AbortController().signal,
    };
    const open = (await effect.perform(all, { ...call, parts: true })) ?? [];
    expect(requestsAt('/quick')).toBe(2);
    expect(requestsAt('/slow')).toBe(0);
    expect(open.map(({ event_id }) => event_id).sort()).toEqual(
      slow.flatMap(({ events }) => events.map(({ id }) => id)).sort(),
    );
    for (const outcome of open)
      expect(outcome).toMatchObject({ state: 'later', in_ms: 0, apart: true });
    expect(await drained(perform(effect, slow[0]!.events))).toEqual([]);
  });

  test('waits for no slow one that is at its first request still', async () => {
    const effect = process();
    const quick = await workspace(2, '/quick');
    await perform(effect, quick.events.slice(0, 1));
    const slow = await workspace(2, '/slow');
    const first = perform(effect, slow.events.slice(0, 1));
    await vi.waitFor(() => expect(held).toHaveLength(1), soon);
    // From then on it is slow, though nothing is known of its answers.
    await wait(SLOW_MS + 100);
    const call = {
      ...machineTime,
      db: fresh.database.db,
      target: undefined,
      signal: new AbortController().signal,
    };
    if (!('perform' in effect)) throw new Error('webhooks call the outside');
    const open =
      (await effect.perform([slow.events[1]!, quick.events[1]!], { ...call, parts: true })) ?? [];
    expect(open).toMatchObject([{ event_id: slow.events[1]!.id, state: 'later', apart: true }]);
    await drained(first);
  });

  test('keeps nobody waiting where many take seconds: these are called again together', async () => {
    const effect = process();
    const slow = await workspaces(3, 2, '/slow');
    const answering = setTimeout(letGo, 3 * SLOW_MS + 500);
    await Promise.all(slow.map(({ events }) => perform(effect, events.slice(0, 1))));
    clearTimeout(answering);
    const call = {
      ...machineTime,
      db: fresh.database.db,
      target: undefined,
      signal: new AbortController().signal,
    };
    if (!('perform' in effect)) throw new Error('webhooks call the outside');
    const open =
      (await effect.perform(
        slow.map(({ events }) => events[1]!),
        { ...call, parts: true },
      )) ?? [];
    expect(open).toHaveLength(3);
    expect(new Set(open.map(({ share }) => share))).toEqual(new Set(['slow']));
  });

  test('is served although its own workspace has 200 endpoints that do not answer', async () => {
    const effect = process();
    const { talk, events } = await workspace(3, '/quick');
    await perform(effect, events.slice(0, 1));
    for (let i = 0; i < 200; i++)
      await receiver.register(fresh.database, talk.workspaceId, {
        url: receiver.url(`/slow/${i}`),
      });
    const call = perform(effect, events);
    await vi.waitFor(() => expect(requestsAt('/quick')).toBe(3), soon);
    expect(held.length).toBeLessThanOrEqual(128);
    await drained(call);
  });

  test('gets a place of the few there are, once it is known to be quick', async () => {
    const effect = process({ concurrency: 4 });
    const quick = await workspace(2, '/quick');
    await perform(effect, quick.events.slice(0, 1));
    const slow = await workspaces(6, 4, '/slow');
    const calls = Promise.all(slow.map(({ events }) => perform(effect, events)));
    await vi.waitFor(() => expect(held.length).toBe(3), soon);
    expect(await perform(effect, quick.events)).toEqual([]);
    await drained(calls);
  });
});

describe('places', () => {
  test('are given to each workspace alike, however much one has to be sent', async () => {
    const effect = process({ concurrency: 16 });
    const flood = await workspace(60, '/slow/flood');
    const first = perform(effect, flood.events);
    await vi.waitFor(() => expect(requestsAt('/slow/flood')).toBe(4), soon);
    const others = await workspaces(4, 1, '/slow/other');
    const calls = Promise.all(others.map(({ events }) => perform(effect, events)));
    await vi.waitFor(() => expect(requestsAt('/slow/other')).toBe(4), soon);
    expect(requestsAt('/slow/flood')).toBe(4);
    await drained(Promise.all([first, calls]));
  });
});

/** Answers what is held until the call has come to its end. */
async function drained<T>(call: Promise<T>): Promise<T> {
  const answering = setInterval(letGo, 20);
  return await call.finally(() => clearInterval(answering));
}
