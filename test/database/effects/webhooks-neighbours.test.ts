import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { machineTime } from '../../../src/activities/runtime/effect.ts';
import { completeTargets, recordAttempts } from '../../../src/activities/runtime/receipts.ts';
import { type WebhookDependencies, webhooks } from '../../../src/activities/webhooks/index.ts';
import { SLOW_MS } from '../../../src/activities/webhooks/limits/response-times.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { missWhatWaits } from '../../../src/db/missed-deliveries.ts';
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

describe('rows that somebody keeps locked', () => {
  /** A process with few connections, each of which may wait for a lock for long. */
  const withFewConnections = async (work: (database: Database) => Promise<void>) => {
    const options = { connections: 3, statementMs: 60_000, waitMs: 60_000 };
    const database = connectDatabase(fresh.url, options);
    await work(database).finally(() => database.close());
  };
  /** Holds the rows that a statement locks while something is done. */
  const locking = async (statement: string, work: () => Promise<void>) => {
    let release = () => {};
    let holder: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve, reject) => {
      holder = fresh.database.pg.begin(async (tx) => {
        await tx.unsafe(`${statement} for update`);
        await new Promise<void>((released) => {
          release = released;
          resolve();
        });
      });
      holder.catch(reject);
    });
    await work().finally(() => release());
    await holder;
  };
  const endpointsOf = ({ talk }: { talk: Conversation }) =>
    `select from knockon.endpoints where workspace_id = '${talk.workspaceId}'`;
  const deliveriesOf = ({ talk }: { talk: Conversation }) =>
    `select from knockon.deliveries where workspace_id = '${talk.workspaceId}'`;
  const failingAt = (path: string, status = 500) => {
    receiver.answer = (response, request) =>
      response.writeHead(request.path === path ? status : 200).end();
  };
  const statesOf = async ({ talk }: { talk: Conversation }) =>
    (
      await fresh.database.pg`select state from knockon.deliveries
        where workspace_id = ${talk.workspaceId} order by id`
    ).map(({ state }) => state);

  test('of endpoints keep no connection: attempts are recorded, and others are served', async () => {
    const bad = await workspace(2, ...Array(10).fill('/bad'));
    const good = await workspace(1, '/good');
    failingAt('/bad');
    const effect = process();
    await withFewConnections(async (database) => {
      await locking(endpointsOf(bad), async () => {
        const calls = bad.events.map((event) => performOn(database, [event], { effect }));
        expect(await performOn(database, good.events, { effect })).toEqual([]);
        const outcomes = (await Promise.all(calls)).flat();
        expect(outcomes.map(({ state }) => state)).toEqual(Array(20).fill('retry'));
      });
    });
    const [row] = await fresh.database.pg`select count(*)::int as n
      from knockon.delivery_attempts a join knockon.deliveries d on d.id = a.delivery_id
      where d.workspace_id = ${bad.talk.workspaceId}`;
    expect(row).toEqual({ n: 20 });
  });

  test('of endpoints with a limit, or that fail or answer 410, have what is for them wait', async () => {
    const limited = await workspace(1, '/limited');
    const failing = await workspace(1, '/failing');
    const gone = await workspace(1, '/gone');
    const { pg } = fresh.database;
    await pg`update knockon.endpoints set max_per_second = 5 where id = ${limited.endpoints[0]!}`;
    await pg`update knockon.endpoints set failures = 10, failing_since = now(), probe_at = now()
      where id = ${failing.endpoints[0]!}`;
    failingAt('/gone', 410);
    const effect = process();
    await withFewConnections(async (database) => {
      const all = [limited, failing, gone].map(({ talk }) => `'${talk.workspaceId}'`).join();
      const rows = `select from knockon.endpoints where workspace_id in (${all})`;
      await locking(rows, async () => {
        for (const { events } of [limited, failing])
          expect(await performOn(database, events, { effect })).toMatchObject([{ state: 'later' }]);
        expect(await performOn(database, gone.events, { effect })).toEqual([]);
      });
    });
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/gone']);
    expect(await statesOf(gone)).toEqual(['missed']);
    expect(await perform(effect, limited.events)).toEqual([]);
    expect(await perform(process(), failing.events)).toEqual([]);
  });

  test('of deliveries have their attempts recorded later, without another request', async () => {
    const bad = await workspace(2, '/bad');
    const good = await workspace(1, '/good');
    const effect = process();
    failingAt('/bad');
    await perform(effect, bad.events);
    failingAt('none');
    await withFewConnections(async (database) => {
      await locking(deliveriesOf(bad), async () => {
        const calls = bad.events.map((event) => performOn(database, [event], { effect }));
        expect(await performOn(database, good.events, { effect })).toEqual([]);
        expect((await Promise.all(calls)).flat()).toMatchObject([
          { state: 'later' },
          { state: 'later' },
        ]);
      });
    });
    expect(await perform(effect, bad.events)).toEqual([]);
    expect(requestsAt('/bad')).toBe(4);
    expect(await statesOf(bad)).toEqual(['delivered', 'delivered']);
  });

  test('of attempts keep no connection', async () => {
    const bad = await workspace(1, '/bad');
    const [event_id, target] = [bad.events[0]!.id, bad.endpoints[0]!];
    const open = [{ event_id, target, state: 'retry', reason: 'HTTP 500' } as const];
    await recordAttempts(fresh.database.db, 'webhooks', open);
    const rows = `select from knockon.attempts where event_id = '${event_id}'`;
    await withFewConnections(async ({ db }) => {
      await locking(rows, async () => {
        await recordAttempts(db, 'webhooks', [...open, { ...open[0]!, target: 'another' }]);
        await completeTargets(db, 'webhooks', event_id, [target]);
      });
      await recordAttempts(db, 'webhooks', open);
    });
    const noted = await fresh.database.pg`select target, attempts from knockon.attempts
      where event_id = ${event_id} order by target`;
    expect(noted).toEqual([
      { target, attempts: 2 },
      { target: 'another', attempts: 1 },
    ]);
  });

  test('of deliveries have those to a disabled endpoint missed later', async () => {
    const bad = await workspace(1, '/bad');
    failingAt('/bad');
    await perform(process(), bad.events);
    await fresh.database.pg`update knockon.endpoints set disabled_at = now()
      where id = ${bad.endpoints[0]!}`;
    await withFewConnections(async (database) => {
      await locking(deliveriesOf(bad), async () => {
        await missWhatWaits(database.db, bad.endpoints[0]!);
        expect(await performOn(database, bad.events)).toMatchObject([{ state: 'later' }]);
      });
    });
    expect(await statesOf(bad)).toEqual(['pending']);
    expect(await perform(process(), bad.events)).toEqual([]);
    expect(await statesOf(bad)).toEqual(['missed']);
    expect(requestsAt('/bad')).toBe(1);
  });
});

/** Answers what is held until the call has come to its end. */
async function drained<T>(call: Promise<T>): Promise<T> {
  const answering = setInterval(letGo, 20);
  return await call.finally(() => clearInterval(answering));
}
