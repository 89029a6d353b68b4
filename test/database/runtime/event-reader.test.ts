import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { EventReader } from '../../../src/activities/runtime/event-reader.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
let all: { dispatch_id: string; events: { offset: number; limit: number } };
beforeAll(async () => {
  test = await freshDatabase();
  await subscribe(test.database, { name: 'search' });
  const where = await aChannel(test.database);
  const writer = aWriter(test.database);
  for (const text of ['one', 'two', 'three']) await writer.post(aMessage(where, { text }));
  const dispatches = await claim(test.database.pg, 10);
  all = {
    dispatch_id: dispatches.find(({ type }) => type === 'message.created')!.id,
    events: { offset: 0, limit: 3 },
  };
});
afterAll(() => test?.close());

/** A reader for so many effects, and how often it has asked the database. */
function aReader(sharers: number) {
  const execute = vi.spyOn(test.database.db, 'execute');
  execute.mockClear();
  return {
    reader: new EventReader(test.database.db, sharers),
    asked: () => execute.mock.calls.length,
  };
}

it('reads events once for all effects of the process that are called with them', async () => {
  const { reader, asked } = aReader(3);
  const read = await Promise.all([reader.read(all), reader.read(all), reader.read(all)]);
  for (const { events } of read)
    expect(events.map(({ payload }) => payload.text)).toEqual(['one', 'two', 'three']);
  expect(asked()).toBe(1);
});

it('forgets them once each effect has had them', async () => {
  const { reader, asked } = aReader(2);
  for (let i = 0; i < 4; i += 1) await reader.read(all);
  expect(asked()).toBe(2);
});

it('keeps apart what is not the same: other events of the dispatch', async () => {
  const { reader } = aReader(2);
  const [first] = (await reader.read(all)).events;
  expect((await reader.read({ ...all, events: { offset: 1, limit: 1 } })).events).toHaveLength(1);
  expect((await reader.read({ ...all, events: { ids: [first!.id] } })).events).toEqual([first]);
});

it('lets no effect change what another one gets', async () => {
  const [event] = (await aReader(2).reader.read(all)).events;
  expect(() => {
    event!.payload.text = 'changed';
  }).toThrow(TypeError);
});

it('asks again after a failure', async () => {
  const { reader } = aReader(6);
  vi.spyOn(test.database.db, 'execute').mockRejectedValueOnce(new Error('connection lost'));
  await expect(reader.read(all)).rejects.toThrow('connection lost');
  expect((await reader.read(all)).events).toHaveLength(3);
});
