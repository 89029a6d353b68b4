import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { dead, later, retry } from '../../../src/activities/runtime/outcomes.ts';
import { lockKey } from '../../../src/db/advisory-locks.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { inChannels, type StartTalk, underKeys } from './keyed-talk.ts';
import { OrderedEffect } from './ordered-effect.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test?.close());

const has = (events: DomainEvent[], text: string) =>
  events.find((event) => event.payload.text === text);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

const kinds: [string, StartTalk][] = [
  ['channels', inChannels],
  ['keys', underKeys],
];

describe.each(kinds)('with events of %s', (_, startTalk) => {
  const openEffect = (options: Parameters<typeof OrderedEffect.open>[1] = {}) =>
    OrderedEffect.open(test, { startTalk, ...options });

  describe('an effect ordered by them', () => {
    it('sees posts, edits and deletions in the order of the log, in whatever order their dispatches come', async () => {
      const ordered = await openEffect();
      const { id } = await ordered.talk.post('one');
      await ordered.talk.edit(id, 'two');
      await ordered.talk.post('three');
      await ordered.talk.remove(id);
      const dispatches = await ordered.dispatches();
      expect(dispatches.map((dispatch) => dispatch.type).sort()).toEqual([
        'message.created',
        'message.deleted',
        'message.updated',
      ]);
      for (const type of ['message.deleted', 'message.updated', 'message.created']) {
        const dispatch = dispatches.find((one) => one.type === type)!;
        expect(await ordered.call(dispatch)).toMatchObject({ open: [] });
      }
      expect(await ordered.seen()).toEqual([1, 2, 3, 4]);
      expect(await ordered.receipts()).toBe(4);
    });

    it('sees what nobody has dispatched yet before what follows it', async () => {
      const ordered = await openEffect();
      await ordered.talk.post('one');
      await ordered.talk.post('two');
      const [claimed] = await ordered.dispatches(1);
      const { message } = { message: await ordered.talk.post('three') };
      const [row] = await test.database
        .pg`select event_id from knockon.outbox where dispatch_id = ${claimed!.id}`;
      expect(row?.event_id).not.toBe(message.event_id);
      await ordered.call({ id: claimed!.id, size: 1 }, [message.event_id]);
      expect(await ordered.seen()).toEqual([1, 2, 3]);
      expect(await ordered.call(claimed!)).toEqual({ done: 0, open: [] });
      for (const dispatch of await ordered.dispatches())
        expect(await ordered.call(dispatch)).toEqual({ done: 0, open: [] });
      expect(await ordered.seen()).toEqual([1, 2, 3]);
    });

    it('does not wait for what was emitted before it registered', async () => {
      const ordered = await openEffect();
      expect(await ordered.call((await ordered.posted()).dispatch)).toEqual({ done: 1, open: [] });
      expect(await ordered.seen()).toEqual([1]);
    });

    it('waits for what was emitted before it registered once that is dispatched to it later', async () => {
      const ordered = await openEffect();
      const { pg } = test.database;
      const before = await ordered.talk.post('before');
      const [elsewhere] =
        await pg`insert into knockon.dispatches (id, type, size, subscribers) values (knockon.uuidv7(), 'message.created', 1, '{others}') returning id`;
      await pg`update knockon.outbox set dispatch_id = ${elsewhere!.id} where event_id = ${before.event_id}`;
      const [backfill] = await pg`
        insert into knockon.dispatches (id, type, size, subscribers) values (knockon.uuidv7(), 'message.created', 1, ${[ordered.name]}) returning id, size`;
      await pg`insert into knockon.dispatch_events (dispatch_id, event_id, type) values (${backfill!.id}, ${before.event_id}, 'message.created')`;
      await ordered.call((await ordered.posted()).dispatch);
      expect(await ordered.seen()).toEqual([1, 2]);
    });

    it('does not get what others in its channel want', async () => {
      const ordered = await openEffect({ on: ['message.created'] });
      const { id } = await ordered.talk.post('one');
      await ordered.talk.edit(id, 'edited');
      await ordered.talk.post('two');
      for (const dispatch of await ordered.dispatches())
        if (dispatch.subscribers.length > 0) await ordered.call(dispatch);
      expect(await ordered.seen()).toEqual([1, 3]);
    });

    it('gets what a pattern stands for, in order', async () => {
      const ordered = await openEffect({ on: ['message.*'] });
      const { id } = await ordered.talk.post('one');
      await ordered.talk.edit(id, 'two');
      await ordered.talk.remove(id);
      const dispatches = await ordered.dispatches();
      await ordered.call(dispatches.find(({ type }) => type === 'message.deleted')!);
      expect(await ordered.seen()).toEqual([1, 2, 3]);
    });

    it('does each event once, however many calls for however many groups run at once', async () => {
      const ordered = await openEffect({ channels: 3 });
      for (let i = 0; i < 60; i += 1) {
        const { id } = await ordered.talk.post(`${i}`, { channel: i % 3 });
        if (i % 4 === 0) await ordered.talk.edit(id, `${i}!`);
        if (i % 6 === 0) await ordered.talk.remove(id);
      }
      const calls: { dispatch: { id: string; size: number }; ids: string[] }[] = [];
      for (const dispatch of await ordered.dispatches()) {
        const rows = await test.database
          .pg`select event_id from knockon.outbox where dispatch_id = ${dispatch.id} order by md5(event_id::text)`;
        for (let i = 0; i < rows.length; i += 7)
          calls.push({ dispatch, ids: rows.slice(i, i + 7).map((row) => String(row.event_id)) });
      }
      const settle = async ({ dispatch, ids }: (typeof calls)[number]): Promise<void> => {
        const { open } = await ordered.call(dispatch, ids, { alone: false });
        if (open.length > 0)
          await settle({ dispatch, ids: open.map((outcome) => outcome.event_id) });
      };
      await Promise.all(calls.map(settle));
      for (const channel of [0, 1, 2]) {
        const log = await test.database.pg`
          select seq::int from knockon.events where sequence_id = ${ordered.talk.sequenceIds[channel]!} and seq > 0 order by seq`;
        expect(await ordered.seen(channel)).toEqual(log.map((row) => row.seq));
      }
      expect(await ordered.receipts()).toBe(60 + 15 + 10);
    });

    it('takes a group in a handful of transactions, however many channels it has', async () => {
      const ordered = await openEffect({ channels: 150, transact: async () => {} });
      await Promise.all(upTo(150).map((i) => ordered.talk.post(`${i}`, { channel: i - 1 })));
      const [dispatch] = await ordered.dispatches();
      const begun = [
        vi.spyOn(test.database.db, 'transaction'),
        vi.spyOn(test.database.db, 'execute'),
      ];
      expect(await ordered.call(dispatch!)).toEqual({ done: 150, open: [] });
      const transactions = begun.reduce((n, spy) => n + spy.mock.calls.length, 0);
      for (const spy of begun) spy.mockRestore();
      expect(transactions).toBeGreaterThan(0);
      expect(transactions).toBeLessThan(12);
    });

    it('goes on with the other channels of its group while one is held', async () => {
      const ordered = await openEffect({ channels: 2 });
      await ordered.talk.post('held', { channel: 0 });
      await ordered.talk.post('free', { channel: 1 });
      const [dispatch] = await ordered.dispatches();
      const lock = lockKey(`${ordered.name} ${ordered.talk.sequenceIds[0]}`);
      const holder = await test.database.pg.reserve();
      await holder`select pg_advisory_lock(${lock}::bigint)`;
      const { done, open } = await ordered.call(dispatch!);
      expect({ done, states: open.map((outcome) => outcome.state) }).toEqual({
        done: 1,
        states: ['later'],
      });
      expect([await ordered.seen(0), await ordered.seen(1)]).toEqual([[], [1]]);
      await holder`select pg_advisory_unlock(${lock}::bigint)`;
      holder.release();
      await ordered.call(dispatch!);
      expect(await ordered.seen(0)).toEqual([1]);
    });

    it('reads on from where it was, and gets to the end of a log that is longer than a group', async () => {
      const ordered = await openEffect({ batch: 10 });
      for (const i of upTo(35)) await ordered.talk.post(`${i}`);
      const dispatches = await ordered.dispatches();
      const [last] = await test.database
        .pg`select id from knockon.events where sequence_id = ${ordered.talk.sequenceIds[0]!} order by seq desc limit 1`;
      expect(await ordered.call(dispatches[0]!, [String(last!.id)])).toEqual({ done: 1, open: [] });
      expect(await ordered.seen()).toEqual(upTo(35));
      const [cursor] = await test.database
        .pg`select seq::int from knockon.cursors where subscriber = ${ordered.name}`;
      expect(cursor?.seq).toBe(35);
    });
  });

  /** By the server's own count. */
  describe('an event that fails', () => {
    /** Fails at "bad" until it is mended. */
    async function aLine(
      onPoison: 'block' | 'park',
      how: (event: DomainEvent) => ReturnType<typeof retry>[] = threw,
    ) {
      const state = { isMended: false };
      const ordered = await openEffect({
        channels: 2,
        onPoison,
        extra: (_tx, events) => {
          const bad = has(events, 'bad');
          if (bad && !state.isMended) return how(bad);
        },
      });
      return { ordered, state };
    }
    const threw = (): never => {
      throw new Error('no bad words');
    };

    it('is found alone in its group; the events before it and other channels are done, those after it wait and say for what', async () => {
      const { ordered, state } = await aLine('block');
      for (const text of ['a', 'b', 'bad', 'c', 'd']) await ordered.talk.post(text);
      await ordered.talk.post('elsewhere', { channel: 1 });
      const [dispatch] = await ordered.dispatches();
      const { done, open } = await ordered.call(dispatch!);
      expect(done).toBe(3);
      expect(open.map((outcome) => outcome.state).sort()).toEqual(['later', 'later', 'retry']);
      expect([await ordered.seen(0), await ordered.seen(1)]).toEqual([[1, 2], [1]]);
      const bad = open.find((outcome) => outcome.state === 'retry')!.event_id;
      const waiting = open.find((outcome) => outcome.state === 'later')!.event_id;
      expect(await ordered.attempt(waiting)).toMatchObject({
        attempts: 0,
        waits_for: bad,
        last_error: expect.stringMatching(`waits for message.created ${bad}`),
      });
      // Its own workflow tries it again; whoever waits follows at once.
      state.isMended = true;
      expect(await ordered.call(dispatch!, [bad])).toEqual({ done: 1, open: [] });
      expect(await ordered.seen(0)).toEqual([1, 2, 3, 4, 5]);
      expect(await ordered.call(dispatch!, [waiting])).toEqual({ done: 0, open: [] });
    });

    it('is never tried by those who wait for it: its policy decides when', async () => {
      const { ordered } = await aLine('block');
      const bad = await ordered.posted('bad');
      await expect(ordered.call(bad.dispatch)).rejects.toMatchObject({
        type: 'EffectRetry',
        message: 'no bad words',
        shortCause: 'Error: no bad words',
      });
      for (let i = 0; i < 3; i += 1) {
        const next = await ordered.posted(`after ${i}`);
        expect((await ordered.call(next.dispatch)).open).toMatchObject([{ state: 'later' }]);
      }
      expect(await ordered.attempt(bad.id)).toMatchObject({ attempts: 1 });
      await expect(ordered.call(bad.dispatch)).rejects.toThrow('no bad words');
      expect(await ordered.attempt(bad.id)).toMatchObject({ attempts: 2 });
    });

    it('does not use up the attempts of those who wait for it, and each wait is longer than the one before', async () => {
      const { ordered } = await aLine('block');
      const bad = await ordered.posted('bad');
      await ordered.call(bad.dispatch).catch(() => {});
      const next = await ordered.posted('next');
      const waits: number[] = [];
      for (let i = 0; i < 4; i += 1) {
        const asked = Date.now();
        const [outcome] = (await ordered.call(next.dispatch)).open;
        waits.push(outcome?.state === 'later' ? Date.parse(outcome.until) - asked : 0);
      }
      expect(waits[0]).toBeGreaterThan(1500);
      expect(waits[3]! / waits[1]!).toBeGreaterThan(1.2);
      expect(await ordered.attempt(next.id)).toMatchObject({ attempts: 0, waits_for: bad.id });
    });

    it('blocks its channel as a dead letter until it is retried', async () => {
      const { ordered, state } = await aLine('block');
      const bad = await ordered.posted('bad');
      await ordered.call(bad.dispatch).catch(() => {});
      await ordered.bury(bad.dispatch, bad.id, 'no bad words');
      const next = await ordered.posted('next');
      expect((await ordered.call(next.dispatch)).open).toMatchObject([{ state: 'later' }]);
      expect((await ordered.attempt(next.id))?.last_error).toMatch(
        /is a dead letter, to be retried or discarded: no bad words/,
      );
      state.isMended = true;
      await ordered.call(bad.dispatch);
      expect(await ordered.seen()).toEqual([1, 2]);
      expect(
        await test.database
          .pg`select 1 from knockon.dead_letters where subscriber = ${ordered.name}`,
      ).toEqual([]);
    });

    it('blocks its channel as a dead letter until it is discarded', async () => {
      const { ordered } = await aLine('block', (event) => [dead(event, 'never')]);
      const bad = await ordered.posted('bad');
      expect((await ordered.call(bad.dispatch)).open).toMatchObject([{ state: 'dead' }]);
      await ordered.bury(bad.dispatch, bad.id);
      const next = await ordered.posted('next');
      await ordered.call(next.dispatch);
      expect(await ordered.seen()).toEqual([]);
      await ordered.discard(bad.id);
      expect(await ordered.call(next.dispatch)).toEqual({ done: 1, open: [] });
      expect(await ordered.seen()).toEqual([2]);
    });

    it('is parked where the effect says so: its channel waits for its tries and goes on without it', async () => {
      const { ordered, state } = await aLine('park');
      const bad = await ordered.posted('bad');
      await ordered.call(bad.dispatch).catch(() => {});
      const next = await ordered.posted('next');
      expect((await ordered.call(next.dispatch)).open).toMatchObject([{ state: 'later' }]);
      await ordered.bury(bad.dispatch, bad.id);
      expect(await ordered.call(next.dispatch)).toEqual({ done: 1, open: [] });
      state.isMended = true;
      expect(await ordered.call(bad.dispatch)).toEqual({ done: 1, open: [] });
      expect(await ordered.seen()).toEqual([2, 1]);
    });

    it('that is hopeless at once is parked at once', async () => {
      const { ordered } = await aLine('park', (event) => [dead(event, 'never')]);
      for (const text of ['a', 'bad', 'b']) await ordered.talk.post(text);
      const [dispatch] = await ordered.dispatches();
      const { done, open } = await ordered.call(dispatch!);
      expect({ done, states: open.map((outcome) => outcome.state) }).toEqual({
        done: 2,
        states: ['dead'],
      });
    });

    it.each([
      ['retry', (event: DomainEvent) => [retry(event, 'busy')]],
      ['later', (event: DomainEvent) => [later(event, new Date(Date.now() + 60_000))]],
    ])(
      'by the answer %s is not overtaken: what was done after it is taken back',
      async (state, how) => {
        const { ordered } = await aLine('block', how);
        for (const text of ['a', 'bad', 'b']) await ordered.talk.post(text);
        const [dispatch] = await ordered.dispatches();
        const { open } = await ordered.call(dispatch!);
        expect(open.map((outcome) => outcome.state).sort()).toEqual(['later', state].sort());
        const another = await ordered.posted('c');
        expect((await ordered.call(another.dispatch)).open).toMatchObject([{ state: 'later' }]);
        expect(await ordered.seen()).toEqual([1]);
      },
    );

    it('that hangs is given up in time, and lets go of its channel', async () => {
      const ordered = await openEffect({
        timeout: '1s',
        extra: () => new Promise(() => {}),
      });
      const { dispatch } = await ordered.posted();
      await expect(ordered.call(dispatch)).rejects.toMatchObject({
        type: 'EffectPoison',
        message: 'the effect did not answer in time',
      });
      const locks = await test.database
        .pg`select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
      expect(locks).toEqual([]);
    });

    it('that its worker died of is left alone by everybody else from then on', async () => {
      const ordered = await openEffect({
        timeout: '2s',
        extra: (_tx, events) => {
          if (has(events, 'deadly')) throw Object.assign(new Error('killed'), { code: '53000' });
        },
      });
      const deadly = await ordered.posted('deadly');
      const next = await ordered.posted('next');
      // As near as a call comes to a death: it is cut off, and nothing of it is written.
      const cutOff = { done: 0, open: [], put_off: expect.any(String) };
      expect(await ordered.call(next.dispatch)).toMatchObject(cutOff);
      // The same call again: it takes care now, and is the last to die of it.
      expect(await ordered.call(next.dispatch, undefined, { attempt: 2 })).toMatchObject(cutOff);
      expect((await ordered.call(next.dispatch, undefined, { attempt: 3 })).open).toMatchObject([
        { state: 'later' },
      ]);
      expect((await ordered.attempt(next.id))?.waits_for).toBe(deadly.id);
      const another = await ordered.posted('another');
      expect((await ordered.call(another.dispatch)).open).toMatchObject([{ state: 'later' }]);
    });
  });

  describe('an ordered effect that calls the outside', () => {
    it('is given one event of a channel at a time, the next once it is done', async () => {
      const given: string[][] = [];
      let isDown = true;
      const ordered = await openEffect({
        channels: 2,
        async perform(events: DomainEvent[]) {
          given.push(events.map((event) => String(event.payload.text)));
          const second = has(events, 'a2');
          return second && isDown ? [retry(second, 'down')] : undefined;
        },
      });
      for (const [text, channel] of [
        ['a1', 0],
        ['a2', 0],
        ['a3', 0],
        ['b1', 1],
        ['b2', 1],
      ] as const)
        await ordered.talk.post(text, { channel });
      const [dispatch] = await ordered.dispatches();
      const { done, open } = await ordered.call(dispatch!);
      expect(done).toBe(3);
      const byState = Object.fromEntries(open.map((outcome) => [outcome.state, outcome.event_id]));
      expect(Object.keys(byState).sort()).toEqual(['later', 'retry']);
      isDown = false;
      expect(await ordered.call(dispatch!, [byState.retry!])).toEqual({ done: 1, open: [] });
      const order = given.flat();
      expect(order.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a2', 'a3']);
      expect(order.filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2']);
      expect(
        Math.max(...given.map((group) => group.filter((text) => text.startsWith('a')).length)),
      ).toBe(1);
    });

    it('settles the outside parties of an event one by one before the next event has its turn', async () => {
      const open = new Set(['x', 'y']);
      const given: string[] = [];
      const ordered = await openEffect({
        async perform([event]: DomainEvent[], { target }: { target: string | undefined }) {
          given.push(`${event!.payload.text}${target ?? ''}`);
          if (event!.payload.text !== 'one') return;
          if (target) open.delete(target);
          return target
            ? undefined
            : [...open].map((name) => retry({ event: event!, target: name }, 'down'));
        },
      });
      const one = await ordered.posted('one');
      const two = await ordered.posted('two');
      expect((await ordered.call(one.dispatch)).open.map((outcome) => outcome.target)).toEqual([
        'x',
        'y',
      ]);
      expect((await ordered.call(two.dispatch)).open).toMatchObject([{ state: 'later' }]);
      await ordered.call(one.dispatch, undefined, { target: 'x' });
      await ordered.call(one.dispatch, undefined, { target: 'y' });
      expect(await ordered.receipts()).toBe(0);
      await ordered.call(one.dispatch);
      await ordered.call(two.dispatch);
      expect(given).toEqual(['one', 'onex', 'oney', 'one', 'two']);
    });
  });

  describe('an effect that is exclusive', () => {
    it('sees each channel in order, and works for a workspace in one place at a time', async () => {
      let [inside, most] = [0, 0];
      const ordered = await openEffect({
        channels: 4,
        ordering: 'exclusive',
        async extra(tx) {
          inside += 1;
          most = Math.max(most, inside);
          await tx.execute('select pg_sleep(0.005)');
          inside -= 1;
        },
      });
      for (let i = 0; i < 24; i += 1) await ordered.talk.post(`${i}`, { channel: i % 4 });
      const [dispatch] = await ordered.dispatches();
      const ids = (
        await test.database
          .pg`select event_id from knockon.outbox where dispatch_id = ${dispatch!.id} order by md5(event_id::text)`
      ).map((row) => String(row.event_id));
      const settle = async (id: string): Promise<void> => {
        if ((await ordered.call(dispatch!, [id], { alone: false })).open.length > 0)
          await settle(id);
      };
      await Promise.all(ids.map(settle));
      expect(most).toBe(1);
      for (const channel of [0, 1, 2, 3]) expect(await ordered.seen(channel)).toEqual(upTo(6));
    });
  });
});

describe('a poison policy', () => {
  it('is refused where there is no order', () => {
    expect(() =>
      defineEffect({
        name: 'x',
        description: '',
        on: ['*'],
        onPoison: 'park',
        transact: async () => {},
      }),
    ).toThrow('`onPoison` is for ordered effects');
  });
});
