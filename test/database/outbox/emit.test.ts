import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/events/index.ts';
import { EmitError, emit } from '../../../src/outbox/emit.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';

defineEvent('order.paid', { version: 2, payload: z.object({ amount: z.number().positive() }) });

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
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
});
