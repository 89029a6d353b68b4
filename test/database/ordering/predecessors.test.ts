import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, OutsideCall } from '../../../src/activities/runtime/effect.ts';
import { dead, laterIn, retry } from '../../../src/activities/runtime/outcomes.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import type { OpenOutcome } from '../../../src/transport/dispatch.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { underKeys } from './keyed-talk.ts';
import { type Ordered, OrderedEffect } from './ordered-effect.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test?.close());

type How = (event: DomainEvent) => ReturnType<typeof retry>[];
type Posted = Awaited<ReturnType<OrderedEffect['posted']>>;

/** Three events of one key, each in a dispatch of its own. The effect can't do "k1" at first. */
async function aLine(kind: 'transact' | 'perform', how: How, rest: Partial<Ordered> = {}) {
  const told: [text: string, attempt: number | undefined][] = [];
  const state = { isMended: false };
  const run = (events: DomainEvent[], { attempt, target }: Partial<OutsideCall>): Answer => {
    for (const { payload } of events) told.push([`${payload.text}${target ?? ''}`, attempt]);
    const one = events.find(({ payload }) => payload.text === 'k1');
    return one && !state.isMended ? how(one) : undefined;
  };
  const act =
    kind === 'transact'
      ? { transact: async (_: unknown, events: DomainEvent[], call: object) => run(events, call) }
      : { perform: async (events: DomainEvent[], call: object) => run(events, call) };
  const options = { startTalk: underKeys, ...act, ...rest } as Parameters<
    typeof OrderedEffect.open
  >[1];
  const ordered = await OrderedEffect.open(test, options);
  const events: Posted[] = [];
  for (const n of [0, 1, 2]) events.push(await ordered.posted(`k${n}`));
  const [k0, k1, k2] = events as [Posted, Posted, Posted];
  /** By a transport that counts tries itself. */
  const call = (one: Posted, more: Parameters<OrderedEffect['call']>[2] = {}) =>
    ordered.call(one.dispatch, [one.id], { tried: 0, ...more });
  const timesCalled = () => told.filter(([text]) => text === 'k1').length;
  return { ordered, state, told, call, timesCalled, k0, k1, k2 };
}

describe.each(['transact', 'perform'] as const)(
  'an event that was done for a later one, by an ordered effect with `%s`,',
  (kind) => {
    it.each([
      ['', 1],
      [', done by a call whose worker died before', 2],
    ])('is waited for as long as it asked then%s', async (_, attempt) => {
      const { call, timesCalled, state, told, k0, k1, k2 } = await aLine(kind, (event) => [
        laterIn(event, 7000),
      ]);
      expect((await call(k2, { attempt })).open).toMatchObject([
        { event_id: k2.id, state: 'later' },
      ]);
      const [outcome, ...others] = (await call(k1)).open;
      expect(others).toEqual([]);
      expect(outcome).toMatchObject({ event_id: k1.id, state: 'later' });
      expect((outcome as { in_ms: number }).in_ms).toBeGreaterThan(1000);
      expect((outcome as { in_ms: number }).in_ms).toBeLessThan(7000);
      expect(timesCalled()).toBe(1);
      expect(await call(k0)).toEqual({ done: 0, open: [] });

      state.isMended = true;
      expect(await call(k1)).toEqual({ done: 1, open: [] });
      expect(await call(k2)).toEqual({ done: 0, open: [] });
      expect(told.slice(-2).map(([text]) => text)).toEqual(['k1', 'k2']);
      expect(timesCalled()).toBe(2);
    });

    it('that is hopeless is given up by its own call, unasked, and called when it is retried', async () => {
      const { call, timesCalled, ordered, state, k1, k2 } = await aLine(kind, (event) => [
        dead(event, 'no such customer', { cause: 'gone' }),
      ]);
      await call(k2);
      expect((await call(k1)).open).toMatchObject([
        { event_id: k1.id, state: 'dead', reason: 'no such customer', cause: 'gone' },
      ]);
      expect(timesCalled()).toBe(1);
      await ordered.bury(k1.dispatch, k1.id);
      expect((await call(k2)).open).toMatchObject([{ state: 'later' }]);
      state.isMended = true;
      expect(await call(k1)).toEqual({ done: 1, open: [] });
      expect(await call(k2)).toEqual({ done: 0, open: [] });
      expect(timesCalled()).toBe(2);
    });

    it('that is hopeless and parked is given up by its own call, unasked', async () => {
      const how: How = (event) => [dead(event, 'never')];
      const { call, timesCalled, k1, k2 } = await aLine(kind, how, { onPoison: 'park' });
      expect(await call(k2)).toEqual({ done: 1, open: [] });
      expect((await call(k1)).open).toMatchObject([{ event_id: k1.id, state: 'dead' }]);
      expect(timesCalled()).toBe(1);
    });

    it('uses up a try where it failed, and is tried again after the time it asked for', async () => {
      const { call, timesCalled, ordered, k1, k2 } = await aLine(kind, (event) => [
        retry(event, 'busy', { after_ms: 9000 }),
      ]);
      await call(k2);
      const [outcome] = (await call(k1)).open;
      expect(outcome).toMatchObject({ event_id: k1.id, state: 'retry', reason: 'busy' });
      expect((outcome as { after_ms: number }).after_ms).toBeLessThan(9000);
      expect((outcome as { after_ms: number }).after_ms).toBeGreaterThan(1000);
      expect(timesCalled()).toBe(1);
      expect(await ordered.attempt(k1.id)).toMatchObject({ attempts: 1 });
      expect((await call(k1, { tried: 1 })).open).toMatchObject([{ state: 'retry' }]);
      expect(await ordered.attempt(k1.id)).toMatchObject({ attempts: 2 });
      expect(timesCalled()).toBe(2);
    });

    it('whose reason is cut within a sign is given up all the same', async () => {
      const how: How = (event) => [dead(event, `a${'😀'.repeat(1000)}`)];
      const { call, k1, k2 } = await aLine(kind, how);
      await call(k2);
      expect((await call(k1)).open).toMatchObject([{ event_id: k1.id, state: 'dead' }]);
    });

    it('is called with a higher attempt each time, whichever call it comes by', async () => {
      const { call, told, k1, k2 } = await aLine(kind, (event) => [laterIn(event, 10)]);
      await call(k2, { tried: 2 });
      for (let i = 0; i < 3; i += 1) await call(k1);
      expect(told.filter(([text]) => text === 'k1').map(([, attempt]) => attempt)).toEqual([
        3, 4, 5,
      ]);
    });

    it('says so in its group too, whose later events wait for it', async () => {
      const { ordered, timesCalled, call, k2 } = await aLine(kind, (event) => [
        laterIn(event, 7000),
      ]);
      await call(k2);
      const other = await ordered.posted('elsewhere');
      await test.database.pg`update knockon.outbox set dispatch_id = ${other.dispatch.id}
        where dispatch_id = any(${[k2.dispatch.id, other.dispatch.id]})`;
      const { done, open } = await ordered.call({ id: other.dispatch.id, size: 2 });
      expect(done).toBe(0);
      expect(open.map(({ state }) => state)).toEqual(['later', 'later']);
      expect(timesCalled()).toBe(1);
    });
  },
);

it('an event of which outside parties are open says which, where it was done for a later one', async () => {
  const { ordered, call, told, state, k1, k2 } = await aLine('perform', (event) =>
    ['x', 'y'].map((target) => retry({ event, target }, 'down')),
  );
  await call(k2);
  const targetsOf = (open: OpenOutcome[]) => open.map(({ target }) => target).sort();
  expect(targetsOf((await call(k1)).open)).toEqual(['x', 'y']);
  state.isMended = true;
  for (const target of ['x', 'y']) await ordered.call(k1.dispatch, [k1.id], { tried: 1, target });
  expect(await call(k1)).toEqual({ done: 1, open: [] });
  expect(told.map(([text]) => text)).toEqual(['k0', 'k1', 'k1x', 'k1y', 'k1', 'k2']);
});
