import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { notifications } from '../../../src/activities/notifications/index.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { dead, later, retry } from '../../../src/activities/runtime/outcomes.ts';
import { members } from '../../../src/db/schema/messages.ts';
import { defineEvent } from '../../../src/events/index.ts';
import { emit } from '../../../src/outbox/emit.ts';
import { aCallTo } from '../../../src/testing/call.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { FanOut } from '../../harness/fan-out.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';

const HOUR = 3_600_000;
const bookPaid = defineEvent('book.paid', { payload: z.object({ amount: z.number() }) });
const reminderSent = defineEvent('reminder.sent', { payload: z.object({}) });
let test: TestDatabase;
let fanOut: FanOut;
beforeEach(async () => {
  test = await freshDatabase();
});
afterEach(async () => {
  await fanOut.close();
  await test.close();
});

async function posted(...texts: string[]) {
  const where = await aChannel(test.database);
  const writer = aWriter(test.database);
  for (const text of texts) await writer.post(aMessage(where, { text }));
  return where;
}
const receipts = async (name: string) =>
  (await test.database.pg`select from knockon.receipts where subscriber = ${name}`).length;

describe('an effect that waits for a moment', () => {
  /** Reminds of a message a day after it was posted. */
  const reminding = (reminded: Date[], act: 'transact' | 'perform', ordering?: 'key'): Effect => {
    const remind = (events: { timestamp: string }[], now: () => Date) =>
      events.flatMap((event) => {
        const due = new Date(Date.parse(event.timestamp) + 24 * HOUR);
        if (now() < due) return later(event as never, due);
        reminded.push(now());
        return [];
      });
    const what = {
      name: 'reminders',
      description: '',
      on: ['message.created'],
      ...(ordering && { ordering }),
    };
    return act === 'transact'
      ? defineEffect({ ...what, transact: async (_tx, events, { now }) => remind(events, now) })
      : defineEffect({ ...what, perform: async (events, { now }) => remind(events, now) });
  };

  it.each([
    ['in our database', 'transact', undefined],
    ['outside', 'perform', undefined],
    ['in our database, in order', 'transact', 'key'],
    ['outside, in order', 'perform', 'key'],
  ] as const)('gets there in a moment where time is skipped: %s', async (_, act, ordering) => {
    const reminded: Date[] = [];
    fanOut = await FanOut.open(test, [reminding(reminded, act, ordering)]);
    const began = await fanOut.now();
    await posted('one', 'two');
    expect(await fanOut.run()).toEqual([]);
    expect(await receipts('reminders')).toBe(2);
    expect(reminded).toHaveLength(2);
    for (const at of reminded)
      expect((at.getTime() - began.getTime()) / HOUR).toSatisfy(
        (hours: number) => hours >= 23.99 && hours < 25,
      );
  });
});

describe('an event that is for later', () => {
  const DAY = 24 * HOUR;
  const workspace = async () => (await aChannel(test.database)).workspaceId;
  const emitIn = async (workspaceId: string, ms: number, n: number, key?: string) =>
    await emit(test.database.pg, {
      type: bookPaid,
      workspaceId,
      key,
      payload: { amount: n },
      deliverAt: new Date(Date.now() + ms),
    });
  /** Notes when it was called with what. */
  const noting = (noted: [number, number][], options: object = {}): Effect => {
    const began = Date.now();
    return defineEffect({
      name: 'noting',
      description: '',
      on: [bookPaid],
      async perform(events, { now }) {
        for (const { payload } of events) noted.push([payload.amount, now().getTime() - began]);
      },
      ...options,
    });
  };

  it('comes at its moment, months ahead, where time is skipped', async () => {
    const noted: [number, number][] = [];
    fanOut = await FanOut.open(test, [noting(noted)]);
    const where = await workspace();
    for (const days of [90, 0, 200]) await emitIn(where, days * DAY, days);
    const cancelled = await emitIn(where, 10 * DAY, 10);
    await test.database.pg`select knockon.cancel(${cancelled.id})`;
    expect(await fanOut.run()).toEqual([]);
    expect(noted.map(([days]) => days)).toEqual([0, 90, 200]);
    for (const [days, ms] of noted) expect(ms / DAY).toBeCloseTo(days, 2);
  });

  it('that an effect emits comes at its moment too, and a run ends where it is told to', async () => {
    const noted: [number, number][] = [];
    const monthly = defineEffect({
      name: 'monthly',
      description: '',
      on: [bookPaid],
      async transact(tx, [event], { now }) {
        const { workspace_id: workspaceId, payload } = event!;
        const deliverAt = new Date(now().getTime() + 30 * DAY);
        const next = { amount: payload.amount + 1 };
        await emit(tx, { type: bookPaid, workspaceId, payload: next, deliverAt });
      },
    });
    fanOut = await FanOut.open(test, [noting(noted), monthly]);
    await emitIn(await workspace(), 0, 0);
    const until = new Date((await fanOut.now()).getTime() + 100 * DAY);
    expect(await fanOut.run({ until })).toEqual([]);
    expect((await fanOut.now()).getTime() - until.getTime()).toBeLessThan(HOUR);
    expect(noted.map(([n]) => n)).toEqual([0, 1, 2, 3]);
    for (const [n, ms] of noted) expect(ms / DAY).toBeCloseTo(30 * n, 1);
  });

  it('is waited for by a debounced effect from its moment on, over restarts too', async () => {
    const noted: [number, number][] = [];
    const debounce = { by: 'key', wait: '1h', most: '3h' } as const;
    fanOut = await FanOut.open(test, [noting(noted, { debounce })]);
    const where = await workspace();
    const began = Date.now();
    // A burst, a silence, and a burst that does not end for longer than three hours.
    const hours = [0, 0.5, 1, 4, 4.9, 5.8, 6.7, 7.6, 8.5];
    for (const at of hours) await emitIn(where, 30 * DAY + at * HOUR, at, 'cart-1');
    const at = (hour: number) => new Date(began + 30 * DAY + hour * HOUR);
    for (const until of [at(0.7), at(1.5), at(5), at(8)])
      expect(await fanOut.run({ until })).toEqual([]);
    expect(await fanOut.run()).toEqual([]);
    expect(noted.map(([n]) => n)).toEqual([1, 6.7, 8.5]);
    const called = noted.map(([, ms]) => (ms - 30 * DAY) / HOUR);
    expect(called[0]).toBeCloseTo(2, 1);
    expect(called[1]).toBeCloseTo(7, 1);
    expect(called[2]).toBeCloseTo(9.5, 1);
    expect(await receipts('noting')).toBe(hours.length);
  });
});

describe('a whole fan-out', () => {
  /** Effects that note each of their calls. */
  const notedIn = (done: string[]) => (name: string) =>
    defineEffect({
      name,
      description: '',
      on: ['message.created'],
      perform: async () => void done.push(name),
    });

  it('ends though an effect of an earlier test is registered in the database', async () => {
    const done: string[] = [];
    const named = notedIn(done);
    await posted('one');
    await (await aCallTo(named('earlier'), test))();
    fanOut = await FanOut.open(test, [named('later')]);
    await posted('two');
    expect(await fanOut.run()).toEqual([]);
    expect(done).toEqual(['earlier', 'later']);
  });

  it('is opened beside another one, of another database', async () => {
    const other = await freshDatabase();
    const done: string[] = [];
    const named = notedIn(done);
    fanOut = await FanOut.open(test, [named('here')]);
    const beside = await FanOut.open(other, [named('there')]);
    await aWriter(other.database).post(aMessage(await aChannel(other.database)));
    await posted('one');
    expect([await fanOut.run(), await beside.run()]).toEqual([[], []]);
    expect(done).toEqual(['here', 'there']);
    await beside.close();
    await other.close();
  });

  it('gives what an effect emits the time that was skipped to', async () => {
    const happened: Date[] = [];
    const emitting = defineEffect({
      name: 'emitting',
      description: '',
      on: ['message.created'],
      async transact(tx, [event], { now }) {
        const due = new Date(Date.parse(event!.timestamp) + 30 * HOUR);
        if (now() < due) return [later(event!, due)];
        await emit(tx, { type: reminderSent, workspaceId: event!.workspace_id, payload: {} });
      },
    });
    const noting = defineEffect({
      name: 'noting',
      description: '',
      on: [reminderSent],
      async transact(_, events) {
        for (const { timestamp } of events) happened.push(new Date(timestamp));
      },
    });
    fanOut = await FanOut.open(test, [emitting, noting]);
    const began = await fanOut.now();
    await posted('one');
    expect(await fanOut.run()).toEqual([]);
    expect(happened).toHaveLength(1);
    expect((happened[0]!.getTime() - began.getTime()) / HOUR).toBeGreaterThan(29.9);
  });

  it('gives no effect what does not fit its type: it is a dead letter, as in production', async () => {
    const paid: unknown[] = [];
    const books = defineEffect({
      name: 'books',
      description: '',
      on: [bookPaid],
      // Longer than the other workflow takes: no time may be skipped meanwhile.
      async transact(_, events) {
        await setTimeout(1000);
        paid.push(...events.map(({ payload }) => payload.amount));
      },
    });
    fanOut = await FanOut.open(test, [books]);
    const { workspaceId } = await aChannel(test.database);
    for (const payload of ['{"amount": 1}', '{"amount": "two"}', '{"amount": 3}'])
      await test.database
        .pg`select knockon.emit('book.paid', ${workspaceId}::uuid, ${payload}::text::jsonb)`;
    expect(await fanOut.run()).toEqual([expect.stringContaining('schema')]);
    expect(paid).toEqual([1, 3]);
    const letters = await test.database.pg`select subscriber, reason from knockon.dead_letters`;
    const reason = expect.stringContaining('amount must be a number');
    expect(letters).toEqual([{ subscriber: 'schema', reason }]);

    await test.database
      .pg`select knockon.emit('book.paid', ${workspaceId}::uuid, '{"amount": "four"}')`;
    await expect(aCallTo(books, test)).rejects.toThrow(
      'no event that waits for the effect "books" fits the schema of its type',
    );
  });

  it('is seen through beside one that gives up, and says why', async () => {
    const tries: string[] = [];
    const broken = defineEffect({
      name: 'broken',
      description: '',
      on: ['message.created'],
      retry: { attempts: 3, initial: '1h', max: '1d' },
      async perform([event]) {
        tries.push(event!.id);
        return [
          event!.payload.text === 'hopeless'
            ? dead(event!, 'it is hopeless')
            : retry(event!, 'HTTP 500'),
        ];
      },
    });
    const counting = defineEffect({
      name: 'counting',
      description: '',
      on: ['*'],
      transact: async () => {},
    });
    fanOut = await FanOut.open(test, [broken, counting]);
    await posted('hopeful');
    expect(await fanOut.run()).toEqual([
      expect.stringContaining('broken gave up on the message.created event: HTTP 500'),
    ]);
    expect(tries).toHaveLength(3);
    expect(await receipts('counting')).toBe(1);
    expect(
      await test.database.pg`select subscriber, reason from knockon.dead_letters`,
    ).toMatchObject([{ subscriber: 'broken', reason: 'HTTP 500' }]);
  });

  it('e-mails who has not read a mention when the grace is over, as often as it is run', async () => {
    const mails: { at: Date; to: string }[] = [];
    const mailer = {
      send: async ({ to }: { to: { address: string } }) =>
        void mails.push({ at: await fanOut.now(), to: to.address }),
    };
    fanOut = await FanOut.open(test, [
      notifications({ mailer: mailer as never, graceMs: 5 * 60_000 }),
    ]);
    for (const round of [1, 2]) {
      const { workspaceId } = await posted('@bob look');
      await test.database.db
        .insert(members)
        .values({ workspace_id: workspaceId, handle: 'bob', email: `bob${round}@example.com` });
      const began = await fanOut.now();
      expect(await fanOut.run()).toEqual([]);
      expect(mails).toHaveLength(round);
      expect(mails.at(-1)!.to).toBe(`bob${round}@example.com`);
      expect((mails.at(-1)!.at.getTime() - began.getTime()) / 60_000).toSatisfy(
        (minutes: number) => minutes >= 4.9 && minutes < 10,
      );
    }
  });
});
