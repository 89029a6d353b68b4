import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { retry } from '../../../src/activities/runtime/outcomes.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { readEventJourney } from '../../../src/ops/inspect/journey.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { expire } from '../../../src/outbox/retention.ts';
import { register } from '../../../src/outbox/subscribers.ts';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { registration } from '../../../src/workers/effect-settings.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';

let test_: TestDatabase;
let workspace: string;
/** Payloads that the effect was called with, in order. */
let seen: unknown[] = [];
let answers: ((event: DomainEvent) => ReturnType<typeof retry>[])[] = [];
const policy = { by: 'key', wait: '1h', most: '5h' } as const;
const shared = { description: '', on: ['cart.changed'], debounce: policy };

const outside = defineEffect({
  ...shared,
  name: 'outside',
  async perform(events) {
    seen.push(...events.map(({ payload }) => payload.n));
    return events.flatMap((event) => answers.shift()?.(event) ?? []);
  },
});
const inside = defineEffect({
  ...shared,
  name: 'inside',
  async transact(tx, events) {
    seen.push(...events.map(({ payload }) => payload.n));
    await tx.execute(sql`select 1`);
  },
});

beforeAll(async () => {
  test_ = await freshDatabase();
  const { database } = test_;
  await declareTypes(database, ['cart.changed'], { schema: { type: 'object' } });
  const [row] = await database.pg<{ id: string }[]>`
    insert into knockon.workspaces (name) values ('Acme') returning id`;
  workspace = row!.id;
  await register(database, [outside, inside].map(registration));
});
afterAll(() => test_.close());
beforeEach(() => {
  seen = [];
  answers = [];
});

/** Emits events of a key, some time ago, and claims them. @returns their ids and the dispatch */
async function emitted(key: string | null, numbers: number[], hoursAgo = 0) {
  const { pg } = test_.database;
  for (const n of numbers)
    await pg`select knockon.emit('cart.changed', ${workspace}, ${pg.json({ n })}, key => ${key})`;
  const [dispatch] = await claim(pg, 500);
  await pg`update knockon.dispatches set unchecked = null where id = ${dispatch!.id}`;
  const rows = await pg<{ event_id: string }[]>`
    select event_id from knockon.outbox where dispatch_id = ${dispatch!.id} order by event_id`;
  const ids = rows.map(({ event_id }) => event_id);
  await pg`update knockon.events set timestamp = timestamp - ${hoursAgo} * interval '1 hour'
    where id = any(${ids})`;
  return { ids, dispatch_id: dispatch!.id };
}

const call = (
  effect: Effect,
  { ids, dispatch_id }: { ids: string[]; dispatch_id: string },
  rest: Partial<EffectCall> = {},
) =>
  answer(
    effect,
    test_.database.db,
    { dispatch_id, subscriber: effect.name, events: { ids }, alone: false, ...rest },
    new AbortController().signal,
  );

/** As maintenance does. @returns how many keys */
const forget = async () => {
  const never = { eventsMs: null, receiptsMs: null };
  const stop = new AbortController().signal;
  return (await expire(test_.database.pg, never, async () => {}, stop)).debounces;
};

const journey = async (effect: Effect, eventId: string) => {
  const which = { workspaceId: workspace, eventId };
  const found = await readEventJourney(test_.database, which, null);
  return found?.effects.find(({ subscriber }) => subscriber === effect.name);
};

describe.each([
  ['an effect in the database', inside],
  ['an effect outside', outside],
])('%s', (_, effect) => {
  const key = (name: string) => `${effect.name}-${name}`;

  test('waits for the last event of a key, which stands for the others', async () => {
    const young = await emitted(key('a'), [1, 2]);
    const waiting = await call(effect, young);
    expect(waiting.done).toBe(0);
    expect(waiting.open).toMatchObject(young.ids.map((event_id) => ({ event_id, state: 'later' })));
    const [first] = waiting.open as { in_ms?: number }[];
    expect(first?.in_ms).toBeGreaterThan(3_590_000);
    expect(first?.in_ms).toBeLessThanOrEqual(3_600_000);
    expect(seen).toEqual([]);
    expect(await journey(effect, young.ids[0]!)).toMatchObject({ state: 'waiting' });

    const { pg } = test_.database;
    await pg`update knockon.debounces set began_at = began_at - interval '2 hours',
      newest_at = newest_at - interval '2 hours'`;
    await pg`update knockon.events set timestamp = timestamp - interval '2 hours'
      where id = any(${young.ids})`;
    expect(await call(effect, young)).toMatchObject({ done: 2, open: [] });
    expect(seen).toEqual([2]);
    expect(await journey(effect, young.ids[0]!)).toMatchObject({
      state: 'done',
      merged_into: young.ids[1],
    });
    expect(await journey(effect, young.ids[1]!)).toMatchObject({
      state: 'done',
      merged_into: null,
    });
    expect(await call(effect, young)).toMatchObject({ done: 0, open: [] });
    expect(seen).toEqual([2]);
  });

  test('is called once for a backlog, whatever calls it comes by', async () => {
    const first = await emitted(key('b'), [1], 9);
    const second = await emitted(key('b'), [2], 8);
    expect(await call(effect, second)).toMatchObject({ done: 1 });
    expect(await call(effect, first)).toMatchObject({ done: 1, open: [] });
    expect(seen).toEqual([2]);
    expect(await journey(effect, first.ids[0]!)).toMatchObject({ merged_into: second.ids[0] });
  });

  test('waits no longer than it may, though events go on coming', async () => {
    const old = await emitted(key('c'), [1], 5.1);
    const young = await emitted(key('c'), [2]);
    await call(effect, { ...young, ids: [...old.ids, ...young.ids] });
    expect(seen).toEqual([2]);
  });

  test('waits after an event that was scheduled from its moment on', async () => {
    const old = await emitted(key('s'), [1], 500);
    await test_.database
      .pg`update knockon.events set deliver_at = now() where id = any(${old.ids})`;
    expect((await call(effect, old)).open).toMatchObject([{ state: 'later' }]);
    await test_.database.pg`update knockon.events set deliver_at = now() - interval '2 hours'
      where id = any(${old.ids})`;
    await test_.database.pg`update knockon.debounces set newest_at = newest_at
      - interval '2 hours', began_at = began_at - interval '2 hours'`;
    expect(await call(effect, old)).toMatchObject({ done: 1 });
  });

  test('forgets a key a day after its last call, and loses no event by that', async () => {
    const { pg } = test_.database;
    const rows = async () =>
      (
        await pg`select true from knockon.debounces where key = ${key('f')}
          and subscriber = ${effect.name}`
      ).length;
    const age = () => pg`update knockon.debounces set look_at = now() - interval '1 s'`;
    const [late, last] = [await emitted(key('f'), [1], 3), await emitted(key('f'), [2], 2)];
    await call(effect, last);
    expect([await forget(), await rows()]).toEqual([0, 1]);
    await age();
    await forget();
    expect(await rows()).toBe(0);
    expect(await call(effect, late)).toMatchObject({ done: 1 });
    expect(seen).toEqual([2, 1]);
  });

  test('loses no event of a key that is forgotten at that moment', async () => {
    const keys = Array.from({ length: 20 }, (_, n) => key(`h${n}`));
    for (const [n, one] of keys.entries()) await call(effect, await emitted(one, [n], 3));
    const next = [];
    for (const [n, one] of keys.entries()) next.push(await emitted(one, [100 + n], 2));
    await test_.database.pg`update knockon.debounces set look_at = now() - interval '1 s'`;
    await Promise.all([...next.map((one) => call(effect, one)), forget(), forget(), forget()]);
    expect(seen.filter((n) => Number(n) >= 100)).toHaveLength(keys.length);
    // What each of them left to another.
    await forget();
  });

  test('waits for the newest that is dispatched, whose call has not come yet', async () => {
    const first = await emitted(key('p'), [1], 2);
    const newest = await emitted(key('p'), [2], 0.5);
    const waiting = await call(effect, first);
    expect(waiting).toMatchObject({ done: 0, open: [{ state: 'later' }] });
    const [outcome] = waiting.open as { in_ms?: number }[];
    expect(outcome?.in_ms).toBeGreaterThan(1_700_000);
    expect(outcome?.in_ms).toBeLessThanOrEqual(1_800_000);
    await test_.database.pg`update knockon.events set timestamp = timestamp - interval '1 hour'
      where id = any(${newest.ids})`;
    expect(await call(effect, first)).toMatchObject({ done: 0, open: [{ state: 'later' }] });
    expect(await call(effect, newest)).toMatchObject({ done: 1, open: [] });
    expect(await call(effect, first)).toMatchObject({ done: 1, open: [] });
    expect(seen).toEqual([2]);
  });

  test('waits for none that is for others, was not dispatched, or is done or given up', async () => {
    const { pg } = test_.database;
    const first = await emitted(key('q'), [1], 2);
    const [done, dead, others] = [
      await emitted(key('q'), [2]),
      await emitted(key('q'), [3]),
      await emitted(key('q'), [4]),
    ];
    await pg`insert into knockon.receipts (event_id, subscriber)
      values (${done.ids[0]!}, ${effect.name})`;
    await pg`insert into knockon.dead_letters (event_id, subscriber, dispatch_id, cause, reason)
      values (${dead.ids[0]!}, ${effect.name}, ${dead.dispatch_id}, 'x', 'x')`;
    await pg`update knockon.dispatches set subscribers = '{other}' where id = ${others.dispatch_id}`;
    await pg`select knockon.emit('cart.changed', ${workspace}, '{}', key => ${key('q')})`;
    expect(await call(effect, first)).toMatchObject({ done: 1, open: [] });
    expect(seen).toEqual([1]);
    await pg`update knockon.outbox set dispatch_id = ${others.dispatch_id} where dispatch_id is null`;
  });

  test('has keys apart, and does at once what has none', async () => {
    const [a, b] = [await emitted(key('d'), [1], 2), await emitted(key('e'), [2], 2)];
    const none = await emitted(null, [3, 4]);
    const all = { ...a, ids: [...a.ids, ...b.ids, ...none.ids] };
    expect(await call(effect, all)).toMatchObject({ done: 4 });
    expect([...seen].sort()).toEqual([1, 2, 3, 4]);
  });
});

test('what an event stands for waits while it is tried again, and is done with it', async () => {
  const both = await emitted('retried', [1, 2], 2);
  answers = [(event) => [retry(event, 'it is busy')]];
  const failed = await call(outside, both);
  expect(failed.open.map(({ event_id, state }) => [event_id, state])).toEqual([
    [both.ids[1], 'retry'],
    [both.ids[0], 'later'],
  ]);
  expect((await call(outside, { ...both, ids: [both.ids[0]!] })).open).toMatchObject([
    { state: 'later' },
  ]);
  expect(await call(outside, { ...both, ids: [both.ids[1]!] })).toMatchObject({ done: 1 });
  expect(await call(outside, { ...both, ids: [both.ids[0]!] })).toMatchObject({ done: 1 });
  expect(seen).toEqual([2, 2]);
});

test('where it is given up, the one before is done in its place', async () => {
  const both = await emitted('dead', [1, 2], 2);
  answers = [(event) => [retry(event, 'it is busy')]];
  await call(outside, both);
  await test_.database.pg`
    insert into knockon.dead_letters (event_id, subscriber, dispatch_id, cause, reason)
    values (${both.ids[1]!}, 'outside', ${both.dispatch_id}, 'x', 'x')`;
  expect(await call(outside, { ...both, ids: [both.ids[0]!] })).toMatchObject({ done: 1 });
  expect(seen).toEqual([2, 1]);
});

test('of calls at the same moment each event is called or merged, never both', async () => {
  const groups = [];
  for (let n = 0; n < 3; n++) groups.push(await emitted('raced', [n], 2 - n / 100));
  await Promise.all(groups.map((group) => call(inside, group)));
  const before = seen.length;
  await Promise.all(groups.map((group) => call(inside, group)));
  expect(before).toBeGreaterThan(0);
  const merges = await test_.database.pg`select count(*)::int as n from knockon.merges m
    join knockon.receipts using (event_id, subscriber)
    where event_id = any(${groups.flatMap(({ ids }) => ids)}) and subscriber = 'inside'`;
  expect(seen.length + merges[0]!.n).toBe(3);
});
