import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { MessageWriter } from '../../../src/messages/create.ts';
import { claim, markStarted } from '../../../src/outbox/claim.ts';
import { createEventWriter, type EventWriter } from '../../../src/outbox/post-events.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';
import { forget, withoutAutovacuum } from './neighbouring-tables.ts';
import { type Explained, explained } from './query-plans.ts';

const ROUNDS = 12;
const EACH = 100;

const inDatabase = (name: string, ordering: Effect['ordering']) =>
  defineEffect({ name, description: '', on: ['*'], ordering, transact: async () => [] });
const effects = [
  inDatabase('counted', 'none'),
  inDatabase('ordered', 'key'),
  defineEffect({ name: 'outside', description: '', on: ['*'], perform: async () => {} }),
];

/**
 * A connection keeps the plans of its statements. Those of a new deployment are made while its
 * tables are empty, and stay until autovacuum has looked at them: in that minute a hundred thousand
 * messages may come.
 */
describe('plans that were made while all tables were empty', () => {
  let own: TestDatabase;
  let database: Explained;
  let messages: MessageWriter;
  let events: EventWriter;
  let where: { workspaceId: string; channelId: string };
  /** What each round's statements went through, by the step. */
  const seen: Record<string, number>[] = [];
  const worst: Record<string, string> = {};

  beforeAll(async () => {
    own = await freshDatabase();
    await withoutAutovacuum(own.database);
    await forget(own.database, 'of empty tables');
    await declareTypes(own.database, ['invoice.paid']);
    where = await aChannel(own.database);
    await subscribe(own.database, ...effects.map(({ name }) => ({ name })));
    database = explained(own.url, { counted: true, kept: true });
    messages = aWriter(database);
    events = createEventWriter({ pg: database.pg, onStored: () => {} });
    for (let round = 0; round < ROUNDS; round++) {
      const rows: Record<string, number> = {};
      seen.push(rows);
      await aRound(rows);
    }
  }, 300_000);
  afterAll(async () => {
    await database?.close();
    await own?.close();
  });

  const each = <T>(make: (i: number) => T) => Array.from({ length: EACH }, (_, i) => make(i));

  async function aRound(rows: Record<string, number>): Promise<void> {
    const step = async (name: string, run: () => Promise<unknown>) => {
      await run();
      const told = database.rows();
      rows[name] = told.total;
      worst[name] = told.worst;
    };
    await step('messages', () => Promise.all(each(() => messages.post(aMessage(where)))));
    await step('messages with keys', () =>
      Promise.all(each(() => messages.post(aMessage(where, { idempotency: aKey() })))),
    );
    await step('events with keys', () =>
      Promise.all(each((i) => events.post({ ...anEvent(i), idempotency: aKey() }))),
    );
    const groups = await claim(database.pg, 500);
    for (const { id } of groups) await markStarted(database.pg, id, 'run');
    database.rows();
    for (const effect of effects)
      await step(`an effect that is ${effect.name}`, async () => {
        for (const { id, size } of groups) {
          const call = { dispatch_id: id, subscriber: effect.name, alone: false };
          const events = { offset: 0, limit: size };
          const signal = new AbortController().signal;
          const { done } = await answer(effect, database.db, { ...call, events }, signal);
          expect({ effect: effect.name, done }).toEqual({ effect: effect.name, done: size });
        }
      });
  }

  const aKey = () => ({ key: uuidv7(), requestHash: Buffer.from('h') });
  const anEvent = (i: number) => ({
    workspaceId: where.workspaceId,
    type: 'invoice.paid',
    version: 1,
    payload: {},
    payloadJson: '{}',
    key: `key ${i % 10}`,
  });

  it.each([
    'messages',
    'messages with keys',
    'events with keys',
    ...effects.map(({ name }) => `an effect that is ${name}`),
  ])('cost as much when they are full: %s', (step) => {
    const [second, last] = [seen[1]![step]!, seen.at(-1)![step]!];
    expect(last, `${seen.map((rows) => rows[step]).join(', ')}; ${worst[step]}`).toBeLessThan(
      1.5 * second,
    );
  });
});
