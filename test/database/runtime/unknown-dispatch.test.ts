import { uuidv7 } from 'uuidv7';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteExpiry } from '../../../src/activities/audit/expiry.ts';
import { recordDeadLetters } from '../../../src/activities/runtime/dead-letters.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { expire } from '../../../src/outbox/retention.ts';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { dispatchMessages, runsNothing } from '../ops/ledger-rows.ts';

let test: TestDatabase;
let given: number;
beforeEach(async () => {
  test = await freshDatabase();
  given = 0;
});
afterEach(() => test.close());

const basics = { name: 'search', description: '', on: ['*'] };
const count = async (...[first, second]: unknown[]) => {
  given += (Array.isArray(first) ? first : (second as unknown[])).length;
};
const effects: [string, Effect][] = [
  ['changes the database', defineEffect({ ...basics, transact: count })],
  ['calls the outside', defineEffect({ ...basics, perform: count })],
  ['is ordered', defineEffect({ ...basics, ordering: 'key', transact: count })],
  [
    'is ordered and calls the outside',
    defineEffect({ ...basics, ordering: 'key', perform: count }),
  ],
];

const callOf = (dispatch_id: string, rest: Partial<EffectCall> = {}): EffectCall => ({
  dispatch_id,
  subscriber: 'search',
  events: { offset: 0, limit: 2 },
  alone: false,
  ...rest,
});
const make = (effect: Effect, call: EffectCall) =>
  answer(effect, test.database.db, call, new AbortController().signal);
const origin = async () =>
  (await test.database.pg<{ id: string }[]>`select id from knockon.deployment`)[0]!.id;

/** Two events that are done, and have expired but for their rows in the log. */
async function anExpiredDispatch(effect: Effect) {
  const {
    dispatches: [id = ''],
    events,
  } = await dispatchMessages(test.database, 2, 'search');
  await make(effect, callOf(id));
  await verifyLedger(test.database.pg, { running: runsNothing });
  const began = Date.now();
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(began);
  const expired = await expire(
    test.database.pg,
    { eventsMs: null, receiptsMs: 0.001 },
    noteExpiry(Buffer.alloc(32)),
    new AbortController().signal,
  );
  expect(expired.dispatches).toBe(1);
  return { id, events };
}

describe.each(effects)(
  'a call of a dispatch that is not here, to an effect that %s',
  (_, effect) => {
    it.each([
      ['a run of its events', () => ({ offset: 0, limit: 2 })],
      ['events by their ids', () => ({ ids: [uuidv7(), uuidv7()] })],
    ])('fails, where it is for %s', async (_, events) => {
      await expect(make(effect, callOf(uuidv7(), { events: events() }))).rejects.toThrow(
        /is not in this worker's database.*KNOCKON_DEPLOYMENT/,
      );
      await expect(
        make(effect, callOf(uuidv7(), { events: events(), origin: uuidv7() })),
      ).rejects.toThrow(/is another deployment's/);
      expect(given).toBe(0);
    });

    it('is answered where all of it was done and has expired, and happens no second time', async () => {
      const { id, events } = await anExpiredDispatch(effect);
      expect(given).toBe(2);
      for (const which of [{ offset: 0, limit: 2 }, { ids: events }])
        for (const whose of [undefined, await origin()])
          expect(await make(effect, callOf(id, { events: which, origin: whose }))).toEqual({
            done: 0,
            open: [],
          });
      expect(given).toBe(2);
    });

    it('fails where it is another deployment’s, though older than what has expired here', async () => {
      const older = uuidv7();
      await anExpiredDispatch(effect);
      await expect(make(effect, callOf(older, { origin: uuidv7() }))).rejects.toThrow(
        /another deployment's/,
      );
    });

    it('is answered where all of it was done before', async () => {
      const {
        dispatches: [id = ''],
      } = await dispatchMessages(test.database, 2, 'search');
      await make(effect, callOf(id, { origin: await origin() }));
      expect(await make(effect, callOf(id, { origin: await origin() }))).toEqual({
        done: 0,
        open: [],
      });
      expect(given).toBe(2);
    });
  },
);

describe('dead letters of a dispatch that is not here', () => {
  it('are refused, and none is written', async () => {
    const letters = [{ events: { ids: [uuidv7()] }, cause: 'HTTP 500', reason: 'HTTP 500' }];
    const write = (rest: object) =>
      recordDeadLetters(test.database.db, {
        dispatch_id: uuidv7(),
        subscriber: 'search',
        letters,
        ...rest,
      });
    await expect(write({})).rejects.toThrow(/not in this worker's database/);
    await expect(write({ origin: uuidv7() })).rejects.toThrow(/another deployment's/);
    expect((await test.database.pg`select from knockon.dead_letters`).length).toBe(0);
  });

  it('are no error where all of it is done', async () => {
    const [, effect] = effects[0]!;
    const {
      dispatches: [id = ''],
      events,
    } = await dispatchMessages(test.database, 2, 'search');
    await make(effect, callOf(id));
    const letters = [{ events: { ids: events }, cause: 'HTTP 500', reason: 'HTTP 500' }];
    await recordDeadLetters(test.database.db, { dispatch_id: id, subscriber: 'search', letters });
    expect((await test.database.pg`select from knockon.dead_letters`).length).toBe(0);
  });
});
