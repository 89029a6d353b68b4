import { afterAll, beforeAll, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { aCallTo } from '../../../src/testing/call.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';

const anEffect = (name: string) =>
  defineEffect({ name, description: '', on: ['message.created'], transact: async () => {} });

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test?.close());

it('a call to an effect for which nothing waits says so, and that an earlier call has claimed it', async () => {
  const [first, second] = [anEffect('first'), anEffect('second')];
  await expect(aCallTo(first, test)).rejects.toThrow(
    /^no event waits for the effect "first": emit one first$/,
  );
  await expect(aCallTo(second, test)).rejects.toThrow('emit one first');
  await aWriter(test.database).post(aMessage(await aChannel(test.database)));
  expect(await (await aCallTo(first, test))()).toEqual({ done: 1, open: [] });
  await expect(aCallTo(second, test)).rejects.toThrow(
    'emit one first. An earlier aCallTo has claimed what waited: FanOut calls several',
  );
});
