import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { notifications } from '../../../src/activities/notifications/index.ts';
import {
  dead,
  defineEffect,
  type Effect,
  later,
  retry,
} from '../../../src/activities/runtime/effect.ts';
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

describe('a whole fan-out', () => {
  it('ends though an effect of an earlier test is registered in the database', async () => {
    const done: string[] = [];
    const named = (name: string) =>
      defineEffect({
        name,
        description: '',
        on: ['message.created'],
        perform: async () => void done.push(name),
      });
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
    const named = (name: string) =>
      defineEffect({
        name,
        description: '',
        on: ['message.created'],
        perform: async () => void done.push(name),
      });
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
