import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { EventReader } from '../../../src/activities/runtime/event-reader.ts';
import { MemoryBudget } from '../../../src/activities/runtime/memory-budget.ts';
import { PAGE_BYTES } from '../../../src/activities/runtime/pages.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

/** 160 KB each: 40 of them are four pages, at least. */
const LARGE = 40;
const texts = [
  '🎉'.repeat(40_000),
  Array.from({ length: 20_000 }, (_, i) =>
    String.fromCodePoint(0x20000 + ((i * 7919) % 40_000)),
  ).join('') + 'a'.repeat(80_000),
];

let test: TestDatabase;
let dispatchId: string;
beforeAll(async () => {
  test = await freshDatabase();
  await subscribe(test.database, { name: 'x' });
  const channels = [await aChannel(test.database), await aChannel(test.database)];
  const writer = aWriter(test.database);
  for (let i = 0; i < LARGE; i += 1)
    await writer.post(
      aMessage(channels[i % 2]!, { text: `${texts[i % 2]!.slice(0, 79_000)}${i}` }),
    );
  await test.database.pg`update knockon.outbox set workspace_id = ${channels[0]!.workspaceId}`;
  const [claimed] = await claim(test.database.pg, 500);
  if (claimed?.size !== LARGE) throw new Error('the dispatch is not of these messages alone');
  dispatchId = claimed.id;
});
afterAll(() => test?.close());

let effects = 0;
/** An effect that notes which events it was called with, and how to call it. */
function anEffect(
  kind: Partial<Effect> & { perform?: true },
  work: (events: DomainEvent[]) => void = () => {},
) {
  effects += 1;
  const { perform, ...rest } = kind;
  const calls: DomainEvent[][] = [];
  const run = async (events: DomainEvent[]) => {
    calls.push(events);
    work(events);
  };
  const effect = defineEffect({
    name: `effect-${effects}`,
    description: '',
    on: ['*'],
    ...rest,
    ...(perform
      ? { perform: run }
      : { transact: (_: unknown, events: DomainEvent[]) => run(events) }),
  } as never);
  const reader = new EventReader(test.database.db);
  const call = (signal = new AbortController().signal) => {
    const events = { offset: 0, limit: LARGE };
    return answer(
      effect,
      test.database.db,
      { dispatch_id: dispatchId, subscriber: effect.name, events, alone: false },
      signal,
      { reader },
    );
  };
  return { effect, calls, call, reader };
}

const bytes = (events: DomainEvent[]) =>
  events.reduce((n, event) => n + Buffer.byteLength(JSON.stringify(event.payload)), 0);
const receipts = async (name: string) =>
  (await test.database.pg`select event_id from knockon.receipts where subscriber = ${name}`).length;

describe.each([
  ['that changes the database', {}],
  ['that calls the outside', { perform: true as const }],
  ['that is ordered by channel', { ordering: 'key' as const }],
  ['that is ordered by workspace', { ordering: 'exclusive' as const }],
])('an effect %s', (_, kind) => {
  it('gets large events in pages, each once and in their order', async () => {
    const { calls, call, effect } = anEffect(kind);
    let { done, open } = await call();
    for (let i = 0; open.length > 0 && i < 20; i += 1)
      ({ done, open } = await call().then((next) => ({ done: done + next.done, open: next.open })));
    expect({ done, open }).toEqual({ done: LARGE, open: [] });
    expect(calls.length).toBeGreaterThanOrEqual(3);
    for (const events of calls) expect(bytes(events)).toBeLessThan(1.2 * PAGE_BYTES);
    const seen = calls.flat();
    expect(new Set(seen.map((event) => event.id)).size).toBe(LARGE);
    expect(seen).toHaveLength(LARGE);
    for (const event of seen) expect(String(event.payload.text).length).toBeGreaterThan(70_000);
    for (const channel of new Set(seen.map((event) => event.channel_id))) {
      const seqs = seen
        .filter((event) => event.channel_id === channel)
        .map((event) => Number(event.seq));
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    }
    expect(await receipts(effect.name)).toBe(LARGE);
  });
});

it('what was done before a page that fails stays done, and the call goes on from there', async () => {
  let isBroken = true;
  const { calls, call, effect } = anEffect({}, () => {
    if (isBroken && calls.length === 2) throw new Error('no');
  });
  await expect(call()).rejects.toMatchObject({ type: 'EffectPoison' });
  const first = calls[0]!.length;
  expect(await receipts(effect.name)).toBe(first);
  isBroken = false;
  expect(await call()).toMatchObject({ done: LARGE - first, open: [] });
  expect(calls.slice(2).flat()).toHaveLength(LARGE - first);
});

it.each([{}, { perform: true as const }])(
  'what is not reached in time is called again at once, together, and uses up no try',
  async (kind) => {
    const stop = new AbortController();
    const { calls, call } = anEffect(kind, () => stop.abort());
    const { done, open } = await call(stop.signal);
    expect(done).toBe(calls[0]!.length);
    expect(open).toHaveLength(LARGE - done);
    expect(
      new Set(
        open.map((outcome) => outcome.state === 'later' && `${outcome.until} ${outcome.in_ms}`),
      ).size,
    ).toBe(1);
    expect(open[0]).toMatchObject({ state: 'later', in_ms: 0 });
    expect(await test.database.db.execute(sql`select from knockon.attempts`)).toHaveLength(0);
  },
);

it('what finds no room is called again a little later, and small calls never wait', async () => {
  const { calls, call, reader, effect } = anEffect({});
  const release = reader.budgetOf(effect.name).tryTake(100 * PAGE_BYTES)!;
  const { done, open } = await call();
  expect({ done, calls: calls.length, left: open.length }).toEqual({
    done: 0,
    calls: 0,
    left: LARGE,
  });
  expect(open[0]).toMatchObject({ state: 'later', in_ms: 1000 });
  expect(reader.budgetOf(effect.name).tryTake(1000)).toBeDefined();
  release();
  expect(await call()).toMatchObject({ done: LARGE, open: [] });
});

describe('room', () => {
  const MB = 1024 * 1024;

  it('is given in the order of asking, and to one that asks for more than there is, alone', async () => {
    const room = new MemoryBudget(4 * MB);
    const first = room.tryTake(3 * MB)!;
    const order: string[] = [];
    const asked = async (name: string, bytes: number) => {
      const release = await room.take(bytes, 10_000);
      order.push(name);
      return release!;
    };
    const large = asked('large', 9 * MB);
    const next = asked('next', MB);
    expect(room.tryTake(MB)).toBeUndefined();
    first();
    const giveBack = await large;
    expect(order).toEqual(['large']);
    giveBack();
    (await next)();
    expect(order).toEqual(['large', 'next']);
    expect(room.tryTake(4 * MB)).toBeDefined();
  });

  it('is not waited for longer than was said, and who gives up stands in nobody’s way', async () => {
    const room = new MemoryBudget(4 * MB);
    const first = room.tryTake(3 * MB)!;
    const large = room.take(4 * MB, 20);
    const next = room.take(MB, 10_000);
    expect(await large).toBeUndefined();
    expect(await next).toBeDefined();
    first();
  });
});
