import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/events/index.ts';
import { registerEventTypes } from '../../../src/events/register.ts';
import { EmitError, emit } from '../../../src/outbox/emit.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';

const orderPaid = defineEvent('order.paid', {
  version: 2,
  payload: z.object({ amount: z.number().positive() }),
});

defineEvent('note.taken', { payload: z.looseObject({}) });

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
  await registerEventTypes(test.database.pg);
});
afterAll(() => test.close());
const eventsOf = (workspaceId: string) =>
  test.database.pg`select * from knockon.events where workspace_id = ${workspaceId} order by id`;

describe('emit', () => {
  it('writes an event of any declared type in the caller’s transaction', async () => {
    const { workspaceId } = await aChannel(test.database);
    const event = await test.database.db.transaction((tx) =>
      emit(tx, { type: 'order.paid', workspaceId, payload: { amount: 5 } }),
    );
    expect(event).toMatchObject({
      type: 'order.paid',
      version: 2,
      seq: null,
      channel_id: null,
      payload: { amount: 5 },
    });
    expect(await eventsOf(workspaceId)).toMatchObject([{ id: event.id, type: 'order.paid' }]);
  });

  it('emits nothing when the transaction does not commit, and leaves no gap in the channel', async () => {
    const where = await aChannel(test.database);
    const paid = { type: 'order.paid', ...where, payload: { amount: 5 } };
    const failing = test.database.db.transaction(async (tx) => {
      await emit(tx, paid);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    const event = await test.database.db.transaction((tx) => emit(tx, paid));
    expect(event.seq).toBe(1);
    expect(await eventsOf(where.workspaceId)).toHaveLength(1);
  });

  it.each([
    [{ type: 'order.lost', payload: {} }, 'not declared'],
    [{ type: 'order.paid', payload: { amount: -1 } }, 'amount'],
    [{ type: 'order.paid', payload: { amount: 1 }, channelId: uuidv7() }, 'no channel'],
  ])('refuses %j', async (event, why) => {
    const { workspaceId } = await aChannel(test.database);
    const emitting = test.database.db.transaction((tx) => emit(tx, { workspaceId, ...event }));
    await expect(emitting).rejects.toThrow(EmitError);
    await expect(emitting).rejects.toThrow(why);
  });

  it.each([
    [{ workspaceId: undefined }, /names no workspace\. Pass the id of one as `workspaceId`/],
    [{ workspaceId: 'acme' }, /`workspaceId` is no UUID/],
    [{ channelId: 'general' }, /`channelId` is no UUID/],
    [{ deliverAt: new Date('nonsense') }, /`deliverAt` is no moment\. Pass a Date/],
    [{ deliverAt: Number.NaN }, /`deliverAt` is no moment/],
    [{ deliverAt: { toJSON: () => null } }, /`deliverAt` is no moment/],
    [{ deliverAt: 'tomorrow' }, /`deliverAt` is no moment/],
    [{ deliverAt: '2020-01-01T00:00:00+16:00' }, /`deliverAt` is no moment/],
    [{ deliver_at: '2027-01-31T09:00:00Z' }, /`deliver_at` is unknown; did you mean `deliverAt`\?/],
    [{ kye: 'invoice-42' }, /`kye` is unknown; did you mean `key`\?/],
    [{ workspace: uuidv7() }, /`workspace` is unknown; did you mean `workspaceId`\?/],
    [{ key: 'a\0' }, /`key` holds NUL or half a character/],
    [{ key: '\ud800' }, /`key` holds NUL or half a character/],
    [{ key: Number.NaN }, /`key` is no string, but number/],
    [{ type: 'order\0.paid' }, /`type` holds NUL/],
    [{ type: undefined }, /the event names no type\. Pass what `defineEvent` returned as `type`/],
    [{ type: null }, /the event names no type/],
    [{ type: { name: 'order.paid' } }, /`type` is no event type\. Pass what `defineEvent`/],
  ])('says of %j what is wrong, before the transaction is harmed', async (ids, why) => {
    const { workspaceId } = await aChannel(test.database);
    const event = { type: orderPaid, workspaceId, payload: { amount: 5 } };
    await test.database.db.transaction(async (tx) => {
      await expect(emit(tx, { ...event, ...ids } as never)).rejects.toThrow(why);
      await emit(tx, event);
    });
    expect(await eventsOf(workspaceId)).toHaveLength(1);
  });

  it.each([undefined, null, 'order.paid'])('says that %j is no event', async (event) => {
    const emitting = test.database.db.transaction((tx) => emit(tx, event as never));
    await expect(emitting).rejects.toThrow(EmitError);
    await expect(emitting).rejects.toThrow(
      /there is no event\. Pass \{type, workspaceId, payload\}/,
    );
  });

  it.each([
    [{ workspaceId: uuidv7() }, 'Pass the id of a workspace as `workspaceId`.'],
    [{ messageId: uuidv7() }, 'or leave out `messageId`.'],
    [{ deliverAt: '2999-01-31T09:00:00Z' }, 'As `deliverAt` take a moment'],
    [{ deliverAt: '2027-02-30T09:00:00Z' }, 'Pass a Date'],
  ])('names the members as TypeScript has them where Postgres refuses %j', async (rest, hint) => {
    const { workspaceId } = await aChannel(test.database);
    const event = { type: orderPaid, workspaceId, payload: { amount: 5 }, ...rest };
    const emitting = test.database.db.transaction((tx) => emit(tx, event));
    await expect(emitting).rejects.toThrow(EmitError);
    await expect(emitting).rejects.toThrow(hint);
  });

  it('checks a payload as it will be stored, and returns that', async () => {
    const { workspaceId } = await aChannel(test.database);
    const price = (amount: unknown) => ({ amount: 1, toJSON: () => ({ amount }) });
    await test.database.db.transaction(async (tx) => {
      const emitting = (payload: { amount: number }) =>
        emit(tx, { type: orderPaid, workspaceId, payload });
      await expect(emitting(price('5'))).rejects.toThrow('amount must be a number');
      expect((await emitting(price(7))).payload).toEqual({ amount: 7 });
    });
    expect(await eventsOf(workspaceId)).toMatchObject([{ payload: { amount: 7 } }]);
  });

  it("does not emit into another workspace's channel", async () => {
    const [mine, theirs] = [await aChannel(test.database), await aChannel(test.database)];
    const event = {
      type: 'order.paid',
      workspaceId: mine.workspaceId,
      channelId: theirs.channelId,
      payload: { amount: 1 },
    };
    await expect(test.database.db.transaction((tx) => emit(tx, event))).rejects.toThrow(
      'no channel',
    );
  });

  it('takes a type itself, and payloads that fit it alone', async () => {
    const { workspaceId } = await aChannel(test.database);
    await test.database.db.transaction(async (tx) => {
      const event = await emit(tx, { type: orderPaid, workspaceId, payload: { amount: 5 } });
      expect(event.payload.amount).toBe(5);
      // @ts-expect-error The payload of order.paid has a number.
      const wrong = emit(tx, { type: orderPaid, workspaceId, payload: { amount: 'five' } });
      await expect(wrong).rejects.toThrow('amount must be a number');
      // @ts-expect-error It has no such member.
      void (() => emit(tx, { type: orderPaid, workspaceId, payload: { amount: 5, tip: 1 } }));
      // @ts-expect-error It must have one.
      void (() => emit(tx, { type: orderPaid, workspaceId, payload: {} }));
      // @ts-expect-error This is no transaction.
      const nowhere = emit({}, { type: orderPaid, workspaceId, payload: { amount: 5 } });
      await expect(nowhere).rejects.toThrow('no transaction');
    });
  });

  it.each([
    ['has NUL', { note: 'a\0b' }, /note holds NUL/],
    ['has half a character', { note: { deep: ['\ud83d'] } }, /note\.deep\.0 holds NUL or half/],
    ['is large', { note: 'x'.repeat(256 * 1024) }, /has 262155 bytes of JSON/],
    ['is a list', [] as unknown as Record<string, unknown>, /must be a JSON object/],
    ['is not JSON', { note: 1n }, /can't be written as JSON/],
  ])('refuses a payload that %s before the transaction is harmed', async (_, payload, why) => {
    const { workspaceId } = await aChannel(test.database);
    const after = await test.database.db.transaction(async (tx) => {
      await expect(emit(tx, { type: 'note.taken', workspaceId, payload })).rejects.toThrow(why);
      return await emit(tx, {
        type: 'note.taken',
        workspaceId,
        payload: { note: '\\u0000 is text' },
      });
    });
    expect(await eventsOf(workspaceId)).toMatchObject([
      { id: after.id, payload: { note: '\\u0000 is text' } },
    ]);
  });
});
