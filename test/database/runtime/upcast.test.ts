import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { remote } from '../../../src/activities/remote/index.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import type { Send } from '../../../src/activities/runtime/http/send.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { type DomainEvent, defineEvent } from '../../../src/events/index.ts';
import { registerEventTypes } from '../../../src/events/register.ts';
import { putHttpSubscriber } from '../../../src/ops/http-subscribers/change.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, subscribe } from '../../harness/messaging.ts';
import { seal } from '../../harness/webhook-receiver.ts';

defineEvent('fare.paid', {
  version: 2,
  payload: z.object({ cents: z.int() }),
  upcast: ({ euros }, version) => {
    if (typeof euros !== 'number') throw new Error(`no euros in version ${version}`);
    return { cents: euros * 100 };
  },
});

/** What the `upcast` of a type without required fields comes to. */
const odd = {
  promise: async () => ({}),
  failing: async () => Promise.reject(new Error('later')),
  map: () => new Map(),
  list: () => [],
  nothing: () => undefined,
};
defineEvent('toll.paid', {
  version: 2,
  payload: z.object({}),
  upcast: ({ how }) => odd[how as 'map']() as never,
});

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
  await registerEventTypes(test.database.pg);
  await subscribe(test.database, { name: 'x' });
});
afterAll(() => test.close());

interface Stored {
  version: number;
  payload: Record<string, unknown>;
}

/** Events of one key, as they lie in the log, and how to call an effect for them. */
async function dispatched(...stored: Stored[]) {
  return await dispatchedOf('fare.paid', ...stored);
}

async function dispatchedOf(type: string, ...stored: Stored[]) {
  const { pg, db } = test.database;
  const { workspaceId } = await aChannel(test.database);
  const { id: sequence } = { id: uuidv7() };
  for (const [seq, { version, payload }] of stored.entries()) {
    const id = uuidv7();
    await pg`
      insert into knockon.events (id, type, version, workspace_id, sequence_id, key, seq, timestamp,
        payload)
      values (${id}, ${type}, ${version}, ${workspaceId}, ${sequence}, 'k', ${seq}, now(),
        ${pg.json(payload as never)})`;
    await pg`
      insert into knockon.outbox (event_id, workspace_id, type)
      values (${id}, ${workspaceId}, ${type})`;
  }
  const claimed = (await claim(pg, 500)).find((one) => one.type === type);
  const events = { offset: 0, limit: stored.length };
  const given = { dispatch_id: claimed!.id, origin: claimed!.origin, events, alone: false };
  const call = (effect: Effect) =>
    answer(effect, db, { ...given, subscriber: effect.name }, new AbortController().signal);
  return Object.assign(call, { given });
}

/** The effect of a service over HTTP, which tells of each body that is posted. */
async function aService(heard: (body: string) => void): Promise<Effect> {
  const options = {
    name: 'service',
    description: '',
    url: 'https://service.example/',
    event_types: ['fare.paid'],
    ordering: 'none' as const,
    batch: 100,
    timeout_ms: 1000,
  };
  const more = { call_timeout_ms: 12_000, attempts: 5, task_queue: 'effects.service', by: 'test' };
  await putHttpSubscriber(test.database, { ...options, ...more }, seal.close('whsec_c2VjcmV0'));
  const retry = { attempts: 5, initial_ms: 1000, max_ms: 1000, backoff: 1 };
  const send: Send = async ({ body }) => {
    heard(body);
    return { status: 204, latencyMs: 1, failure: null, excerpt: null, retryAfter: null };
  };
  const circuit = { failures: 3, firstMs: 1000, longestMs: 1000 };
  return remote({ ...options, retry }, { seal, send, circuit });
}

/** An effect that keeps what it is given. */
function keeping(options: { ordering?: 'key'; as?: 'stored'; onPoison?: 'park' } = {}) {
  const seen: DomainEvent[] = [];
  const effect = defineEffect({
    name: `fares-${uuidv7().slice(-6)}`,
    description: '',
    on: ['fare.paid', 'toll.paid'],
    async transact(tx, events) {
      await tx.execute(sql`select 1`);
      seen.length = 0;
      seen.push(...events);
    },
    ...options,
  });
  return { effect, seen };
}

const older = { version: 1, payload: { euros: 3 } };
const newer = { version: 2, payload: { cents: 5 } };
const versions = (events: DomainEvent[]) =>
  events.map(({ version, payload }) => ({ version, payload }));

describe('an effect gets events of an older version', () => {
  it.each([{}, { ordering: 'key' as const }])('as the current version, frozen: %j', async (how) => {
    const call = await dispatched(older, newer);
    const { effect, seen } = keeping(how);
    expect(await call(effect)).toMatchObject({ done: 2, open: [] });
    expect(versions(seen)).toEqual([{ version: 2, payload: { cents: 300 } }, newer]);
    expect(Object.isFrozen(seen[0]?.payload)).toBe(true);
  });

  it('as they are in the log, where it says so', async () => {
    const call = await dispatched(older);
    const { effect, seen } = keeping({ as: 'stored' });
    await call(effect);
    expect(versions(seen)).toEqual([older]);
  });

  it('as they are in the log, where a service or a worker in another language does its work', async () => {
    const { pg } = test.database;
    await pg`select knockon.register_subscriber('{"name": "theirs", "event_types": ["fare.paid"]}')`;
    const call = await dispatched(older, newer);
    const posted: { events: DomainEvent[] }[] = [];
    await call(await aService((body) => posted.push(JSON.parse(body))));
    expect(posted.map(({ events }) => versions(events))).toEqual([[older, newer]]);
    const theirs = { ...call.given, subscriber: 'theirs' };
    const read = await pg<{ event: DomainEvent }[]>`
      select knockon.open_events(${pg.json(theirs as never)}) as event`;
    expect(versions(read.map(({ event }) => event))).toEqual([older, newer]);
  });

  it.each([{}, { ordering: 'key' as const, onPoison: 'park' as const }])(
    'or not at all where that fails, and the others go on: %j',
    async (how) => {
      const broken = { version: 1, payload: { text: 'Anna pays' } };
      const wrong = { version: 1, payload: { euros: 0.001 } };
      const call = await dispatched(broken, older, wrong, newer);
      const { effect, seen } = keeping(how);
      const { done, open } = await call(effect);
      expect(done).toBe(2);
      expect(versions(seen)).toEqual([{ version: 2, payload: { cents: 300 } }, newer]);
      expect(open).toMatchObject([
        {
          state: 'dead',
          cause: 'upcast',
          reason: expect.stringContaining('version 1 of fare.paid'),
        },
        { state: 'dead', cause: 'upcast' },
      ]);
      expect(JSON.stringify(open)).not.toContain('Anna');
    },
  );

  it.each(Object.keys(odd))('or not at all where that is no plain object: %s', async (how) => {
    const call = await dispatchedOf('toll.paid', { version: 1, payload: { how } });
    const { effect, seen } = keeping();
    const { done, open } = await call(effect);
    expect([done, seen]).toEqual([0, []]);
    expect(open).toMatchObject([{ state: 'dead', cause: 'upcast' }]);
  });
});
