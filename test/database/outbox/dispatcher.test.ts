import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../../src/events/index.ts';
import { registerEventTypes } from '../../../src/events/register.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { Dispatcher, type DispatcherOptions } from '../../../src/outbox/dispatcher.ts';
import { emit } from '../../../src/outbox/emit.ts';
import type { Dispatch } from '../../../src/transport/dispatch.ts';
import type { Transport } from '../../../src/transport/transport.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

defineEvent('parcel.lost', { payload: z.object({}) });

let test: TestDatabase;
let where: { workspaceId: string; channelId: string };
const running: Dispatcher[] = [];
beforeEach(async () => {
  test = await freshDatabase();
  await registerEventTypes(test.database.pg);
  where = await aChannel(test.database);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((dispatcher) => dispatcher.stop()));
  await test.close();
});

/** Takes dispatches and remembers them; `answer` may fail or wait. */
function aTransport(
  answer: (dispatch: Dispatch) => Promise<string | null> | string | null = (d) => `run of ${d.id}`,
) {
  const taken: Dispatch[] = [];
  const transport: Transport = {
    async start(dispatch) {
      const run = await answer(dispatch);
      taken.push(dispatch);
      return run;
    },
    close: async () => {},
  };
  return { transport, taken };
}

function dispatcher(transport: Transport, options: Partial<DispatcherOptions> = {}): Dispatcher {
  const made = new Dispatcher({
    pg: test.database.pg,
    listen: test.database.listen,
    transport,
    size: 500,
    log: pino({ level: 'silent' }),
    pollMs: 50,
    fits: () => true,
    ...options,
  });
  running.push(made);
  made.start();
  return made;
}

const post = (n: number, onStored?: () => void, to = where) => {
  const writer = aWriter(test.database, onStored);
  return Promise.all(Array.from({ length: n }, () => writer.post(aMessage(to))));
};
const unstarted = async () =>
  Number(
    (
      await test.database
        .pg`select count(*) from knockon.outbox o left join knockon.dispatches d on d.id = o.dispatch_id where d.started_at is null`
    )[0]?.count,
  );

describe('the dispatcher', () => {
  it('starts a workflow for what is stored and marks it with its run', async () => {
    await subscribe(test.database, { name: 'search' });
    const { transport, taken } = aTransport();
    const dispatching = dispatcher(transport);
    await post(1, () => dispatching.wake());
    await expect.poll(unstarted).toBe(0);
    expect(taken).toMatchObject([
      {
        type: 'message.created',
        size: 1,
        subscribers: [{ name: 'search', task_queue: 'effects.search' }],
      },
    ]);
    const [row] = await test.database.pg`select id, run_id, subscribers from knockon.dispatches`;
    expect(row).toEqual({
      id: taken[0]?.id,
      run_id: `run of ${taken[0]?.id}`,
      subscribers: ['search'],
    });
  });

  it('sends what arrives while a start is in flight together in the next one', async () => {
    await subscribe(test.database, { name: 'search' });
    let release = () => {};
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { transport, taken } = aTransport(async () => {
      await first;
      return 'run';
    });
    dispatcher(transport);
    await post(1);
    await expect
      .poll(async () => (await test.database.pg`select 1 from knockon.dispatches`).length)
      .toBe(1);
    await post(40);
    release();
    await expect.poll(unstarted).toBe(0);
    expect(taken.map((d) => d.size)).toEqual([1, 40]);
  });

  it('never puts more into a dispatch than its size, nor two types', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(25);
    await test.database.db.transaction((tx) =>
      emit(tx, { type: 'parcel.lost', ...where, payload: {} }),
    );
    const { transport, taken } = aTransport();
    dispatcher(transport, { size: 10 });
    await expect.poll(unstarted).toBe(0);
    expect(taken.map((d) => [d.type, d.size]).sort()).toEqual([
      ['message.created', 10],
      ['message.created', 10],
      ['message.created', 5],
      ['parcel.lost', 1],
    ]);
  });

  it('is told of an event that somebody emits elsewhere, by its commit', async () => {
    await subscribe(test.database, { name: 'search' });
    const { transport, taken } = aTransport();
    dispatcher(transport, { pollMs: 60_000 });
    await post(1);
    // Its own poll is a minute away: only the notification can bring it to look.
    await test.database.db.transaction((tx) =>
      emit(tx, { type: 'parcel.lost', ...where, payload: {} }),
    );
    await expect.poll(() => taken.map((d) => d.type)).toContain('parcel.lost');
  });

  it('holds every event until the first subscriber has registered', async () => {
    await post(3);
    const { transport, taken } = aTransport();
    dispatcher(transport);
    await expect
      .poll(
        async () =>
          (
            await test.database
              .pg`select 1 from pg_stat_activity where query like 'listen%knockon_events%'`
          ).length,
      )
      .toBeGreaterThan(0);
    expect(taken).toEqual([]);
    await subscribe(test.database, { name: 'late' });
    await expect.poll(() => taken.map((d) => d.size)).toEqual([3]);
  });

  it('closes without a workflow what nobody wants, and keeps the event', async () => {
    await subscribe(test.database, { name: 'search', types: ['message.created'] });
    await test.database.db.transaction((tx) =>
      emit(tx, { type: 'parcel.lost', ...where, payload: {} }),
    );
    const { transport, taken } = aTransport();
    dispatcher(transport);
    await expect.poll(unstarted).toBe(0);
    expect(taken).toEqual([]);
    expect(await test.database.pg`select type from knockon.events`).toEqual([
      { type: 'parcel.lost' },
    ]);
  });

  it('gives a subscriber every event that is committed after it has registered', async () => {
    await subscribe(test.database, { name: 'old' });
    const { transport, taken } = aTransport();
    const dispatching = dispatcher(transport);
    await post(1, () => dispatching.wake());
    await expect.poll(() => taken.length).toBe(1);
    await subscribe(
      test.database,
      { name: 'new', types: ['message.created'] },
      { name: 'other', types: ['parcel.lost'] },
    );
    await post(1, () => dispatching.wake());
    await expect.poll(() => taken.length).toBe(2);
    expect(
      taken.map((dispatch) => dispatch.subscribers.map((subscriber) => subscriber.name)),
    ).toEqual([['old'], ['new', 'old']]);
  });

  it('goes on by itself when the transport is back', async () => {
    await subscribe(test.database, { name: 'search' });
    let away = true;
    let refused = 0;
    const { transport, taken } = aTransport((d) => {
      if (!away) return d.id;
      refused += 1;
      throw new Error('Temporal is away');
    });
    dispatcher(transport);
    await post(5);
    await expect.poll(() => refused).toBeGreaterThan(1);
    await post(5);
    away = false;
    await expect.poll(unstarted).toBe(0);
    expect(taken.reduce((n, d) => n + d.size, 0)).toBe(10);
  });

  it('starts again, under the same id, what a crashed dispatcher has claimed', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(2);
    const [claimed] = await claim(test.database.pg, 500);
    await test.database.pg`update knockon.dispatches set claimed_at = now() - interval '1 minute'`;
    const { transport, taken } = aTransport(() => null);
    dispatcher(transport);
    await expect.poll(unstarted).toBe(0);
    expect(taken).toMatchObject([{ id: claimed?.id, size: 2 }]);
  });

  it('leaves to another what that one has just claimed', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(1);
    await claim(test.database.pg, 500);
    const { transport, taken } = aTransport();
    const dispatching = dispatcher(transport, { staleMs: 60_000 });
    await post(1, () => dispatching.wake());
    await expect.poll(() => taken.length).toBe(1);
    expect(await unstarted()).toBe(1);
  });

  it('shares the work with others: every event in exactly one dispatch', async () => {
    await subscribe(test.database, { name: 'search' });
    const { transport, taken } = aTransport();
    const several = Array.from({ length: 4 }, () => dispatcher(transport, { size: 7 }));
    await post(300, () => {
      for (const one of several) one.wake();
    });
    await expect.poll(unstarted).toBe(0);
    expect(taken.reduce((n, d) => n + d.size, 0)).toBe(300);
    expect(new Set(taken.map((d) => d.id)).size).toBe(taken.length);
  });

  it('stops within seconds though a start hangs, and another starts that dispatch', async () => {
    await subscribe(test.database, { name: 'search' });
    let begun = false;
    const { transport } = aTransport(() => {
      begun = true;
      return new Promise(() => {});
    });
    const hanging = dispatcher(transport);
    await post(1, () => hanging.wake());
    await expect.poll(() => begun).toBe(true);
    const ended = hanging.stop().then(() => 'ended');
    await expect(Promise.race([ended, wait(8000, 'hangs')])).resolves.toBe('ended');
    const other = aTransport();
    dispatcher(other.transport, { staleMs: 0 });
    await expect.poll(() => other.taken.length).toBe(1);
    expect(await unstarted()).toBe(0);
  });

  it('lets a stream gather while it lingers after a batch that was not full', async () => {
    await subscribe(test.database, { name: 'search' });
    const { transport, taken } = aTransport();
    const dispatching = dispatcher(transport, { linger: { longestMs: 3_600_000 } });
    await post(1, () => dispatching.wake());
    await expect.poll(() => taken.length).toBe(1);
    await post(5, () => dispatching.wake());
    const elsewhere = await aChannel(test.database);
    await post(1, () => dispatching.wake(), elsewhere);
    await expect.poll(() => taken.length).toBe(2);
    expect(taken.map((d) => d.size)).toEqual([1, 1]);
  });

  it('does not linger after full batches', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(50);
    const { transport, taken } = aTransport();
    dispatcher(transport, { size: 5, linger: { longestMs: 3_600_000 } });
    await expect.poll(() => taken.map((d) => d.size)).toEqual(Array(10).fill(5));
  });

  it('shares a batch out among the workspaces that wait', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(200);
    const quiet = [];
    for (let n = 0; n < 8; n++) quiet.push(await aChannel(test.database));
    for (const one of quiet) await post(3, undefined, one);
    const [group] = await claim(test.database.pg, 40);
    const shares = await test.database.pg<{ workspace_id: string; count: number }[]>`
      select workspace_id, count(*)::int from knockon.outbox where dispatch_id = ${group?.id ?? null} group by workspace_id`;
    expect(group?.size).toBe(40);
    expect(new Map(shares.map((share) => [share.workspace_id, share.count]))).toEqual(
      new Map([
        [where.workspaceId, 16],
        ...quiet.map(({ workspaceId }): [string, number] => [workspaceId, 3]),
      ]),
    );
  });

  it('gives workspaces beside one that floods a dispatch of their own, and starts it first', async () => {
    await subscribe(test.database, { name: 'search' });
    await post(30);
    const quiet = [await aChannel(test.database), await aChannel(test.database)];
    for (const one of quiet) await post(2, undefined, one);
    const { transport, taken } = aTransport();
    dispatcher(transport, { size: 100 });
    await expect.poll(unstarted).toBe(0);
    expect(taken.filter(({ type }) => type === 'message.created').map(({ size }) => size)).toEqual([
      4, 30,
    ]);
  });

  it('keeps a crowd in which nobody floods together', async () => {
    await subscribe(test.database, { name: 'search' });
    for (let n = 0; n < 10; n++) await post(4, undefined, await aChannel(test.database));
    const groups = await claim(test.database.pg, 100);
    expect(groups.filter(({ type }) => type === 'message.created').map(({ size }) => size)).toEqual(
      [40],
    );
  });

  it('passes no workspace over for ever where there are more of them than places', async () => {
    await subscribe(test.database, { name: 'search' });
    const many = [];
    for (let n = 0; n < 12; n++) many.push(await aChannel(test.database));
    for (const one of [...many].reverse()) await post(1, undefined, one);
    const newest = many.at(-1)!.workspaceId;
    const [group] = await claim(test.database.pg, 4);
    expect(group?.workspace_ids).toContain(newest);
  });

  it('skips nothing while a transaction is held open and later ones commit', async () => {
    await subscribe(test.database, { name: 'search' });
    const { transport, taken } = aTransport();
    const dispatching = dispatcher(transport);
    const elsewhere = await aChannel(test.database);
    let commit = () => {};
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let emitted = () => {};
    const early = new Promise<void>((resolve) => {
      emitted = resolve;
    });
    const transaction = test.database.db.transaction(async (tx) => {
      await emit(tx, { type: 'parcel.lost', ...elsewhere, payload: {} });
      emitted();
      await held;
    });
    await early;
    await post(20, () => dispatching.wake());
    await expect.poll(() => taken.reduce((n, d) => n + d.size, 0)).toBe(20);
    commit();
    await transaction;
    await expect.poll(() => taken.map((d) => d.type)).toContain('parcel.lost');
  });
});
