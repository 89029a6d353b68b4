import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEffects } from '../../../src/activities/index.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { type Open, retry } from '../../../src/activities/runtime/outcomes.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import type { MessageWriter } from '../../../src/messages/create.ts';
import { claim, markStarted } from '../../../src/outbox/claim.ts';
import { createEventWriter, type EventWriter } from '../../../src/outbox/post-events.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { effectSettings } from '../../../src/workers/effect-settings.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';
import { forget, withoutAutovacuum } from './neighbouring-tables.ts';
import { type Explained, explained } from './query-plans.ts';

const config = readConfig({
  DATABASE_URL: 'postgres://localhost/none',
  KNOCKON_SECRET: 'a secret of thirty-two characters',
});
const ROUNDS = 8;
const EACH = 100;

const called = new Set<string>();
/** A third of a call's events are retried once. */
const retrySome = async (events: DomainEvent[]): Promise<Open[]> =>
  events
    .filter(({ id }, i) => i % 3 === 0 && !called.has(id) && called.add(id))
    .map((event) => retry(event, 'no'));
const own: Effect[] = [
  defineEffect({
    name: 'plain',
    description: '',
    on: ['*'],
    transact: async (_, e) => retrySome(e),
  }),
  defineEffect({
    name: 'ordered',
    description: '',
    on: ['*'],
    ordering: 'key',
    transact: async (_, e) => retrySome(e),
  }),
  defineEffect({
    name: 'debounced',
    description: '',
    on: ['*'],
    debounce: { by: 'key', wait: '1ms', most: '2ms' },
    transact: async () => {},
  }),
  defineEffect({ name: 'outside', description: '', on: ['*'], perform: retrySome }),
  defineEffect({
    name: 'outside-ordered',
    description: '',
    on: ['*'],
    ordering: 'key',
    perform: async () => {},
  }),
  defineEffect({
    name: 'limited',
    description: '',
    on: ['*'],
    perWorkspace: { concurrency: 4, perSecond: 100000 },
    perform: async () => {},
  }),
];
const shippedNames = ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'];

/**
 * A connection keeps the plans of its statements. Those of a new deployment are made while its
 * tables are empty, and stay until autovacuum has looked at them: in that minute a hundred thousand
 * messages may come.
 */
describe('plans that were made while all tables were empty', () => {
  let test: TestDatabase;
  let effects: Effect[];
  let database: Explained;
  let messages: MessageWriter;
  let events: EventWriter;
  let where: { workspaceId: string; channelId: string };
  /** What each round's statements went through, by the step. */
  const seen: Record<string, number>[] = [];
  const worst: Record<string, string> = {};

  beforeAll(async () => {
    test = await freshDatabase();
    await withoutAutovacuum(test.database);
    await forget(test.database, 'of empty tables');
    await declareTypes(test.database, ['invoice.paid']);
    where = await aChannel(test.database);
    effects = [...own, ...(await createEffects(effectSettings(config), test.database)).effects];
    await subscribe(test.database, ...effects.map(({ name }) => ({ name })));
    database = explained(test.url, { counted: true, kept: true });
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
    await test?.close();
  });

  const each = <T>(make: (i: number) => T) => Array.from({ length: EACH }, (_, i) => make(i));

  async function aRound(rows: Record<string, number>): Promise<void> {
    const step = async (name: string, run: () => Promise<unknown>) => {
      await run();
      const told = database.rows();
      rows[name] = told.total;
      worst[name] = told.worst;
    };
    await step('messages', () =>
      Promise.all(each(() => messages.post(aMessage(where, { text: 'hello @bob and @eve' })))),
    );
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
      await step(`the effect ${effect.name}`, async () => {
        for (const { id, size } of groups) {
          const call = { dispatch_id: id, subscriber: effect.name, alone: false };
          const events = { offset: 0, limit: size };
          const signal = new AbortController().signal;
          const { done, open } = await answer(effect, database.db, { ...call, events }, signal);
          if (open.length > 0)
            await answer(
              effect,
              database.db,
              { ...call, events: { ids: open.flatMap((o) => o.event_id ?? []) } },
              signal,
            );
          expect(done + open.length).toBe(size);
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
    ...[...own.map(({ name }) => name), ...shippedNames].map((name) => `the effect ${name}`),
  ])('cost as much when they are full: %s', (step) => {
    const [second, last] = [seen[1]![step]!, seen.at(-1)![step]!];
    expect(last, `${seen.map((rows) => rows[step]).join(', ')}; ${worst[step]}`).toBeLessThan(
      1.5 * second,
    );
  });
});
