import fc from 'fast-check';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { claim } from '../../../src/outbox/claim.ts';
import { Dispatcher } from '../../../src/outbox/dispatcher.ts';
import { DueEvents } from '../../../src/outbox/due-events.ts';
import { emit } from '../../../src/outbox/emit.ts';
import { oldestUndispatched } from '../../../src/outbox/ledger.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
let pg: TestDatabase['database']['pg'];
let where: { workspaceId: string; channelId: string };
beforeAll(async () => {
  test = await freshDatabase();
  pg = test.database.pg;
  await pg`insert into knockon.event_types (name, version, schema, source)
    values ('invoice.due', 1, '{}', 'api')`;
  where = await aChannel(test.database);
  await subscribe(test.database, { name: 'reminders' });
  await claimAll();
});
afterAll(() => test.close());

const claimAll = async () => {
  const claimed = await claim(pg, 500);
  return claimed.flatMap(({ size }) => size);
};
const emitted = async (deliverAt: string, key: string | null = null, n = 0) => {
  const [row] = await pg<{ id: string }[]>`
    select knockon.emit('invoice.due', ${where.workspaceId}, ${pg.json({ n })}, key => ${key},
      deliver_at => now() + ${deliverAt}::interval) as id`;
  return row!.id;
};
/** Lets as much time pass as if the database's clock had gone on. */
const pass = (time: string) =>
  pg`update knockon.scheduled set deliver_at = deliver_at - ${time}::interval`;
const promoteAll = async () => {
  const due = new DueEvents(pg, 500);
  let promoted = 0;
  do promoted += await due.promote(1000);
  while (due.inMs <= 0);
  return promoted;
};
const aWorkspace = async (id: string = uuidv7()) => {
  await pg`insert into knockon.workspaces (id, name) values (${id}, 'another')`;
  return id;
};
/** So many events without a key, each due so long from now. */
const many = (workspaceId: string, count: number, deliverAt: string) =>
  pg`select count(knockon.emit('invoice.due', ${workspaceId}, '{}',
    deliver_at => now() + ${deliverAt}::interval)) from generate_series(1, ${count}::int)`;
const promotedOf = async (workspaceId: string) => {
  const [row] = await pg<{ n: number }[]>`
    select count(*)::int as n from knockon.outbox where workspace_id = ${workspaceId}`;
  return row!.n;
};
const logOf = async (key: string) =>
  (
    await pg<{ n: number; seq: string }[]>`
      select (payload ->> 'n')::int as n, seq from knockon.events where key = ${key} order by seq`
  ).map(({ n, seq }) => [n, Number(seq)]);
afterEach(() => pg`truncate knockon.scheduled, knockon.outbox, knockon.dispatches`);

describe('an event that is for later', () => {
  it('is dispatched once its moment has come, months ahead, and not before', async () => {
    await emitted('90 days');
    await pass('89 days 23 hours 59 minutes');
    expect([await promoteAll(), await claimAll(), await oldestUndispatched(pg)]).toEqual([
      0,
      [],
      null,
    ]);
    await pass('1 minute');
    expect([await promoteAll(), await claimAll()]).toEqual([1, [1]]);
    expect([await promoteAll(), await claimAll()]).toEqual([0, []]);
  });

  it('is in order with its key by its moment, then as it was emitted', async () => {
    await emitted('2 hours', 'order', 3);
    await emitted('1 hour', 'order', 1);
    await emitted('2 hours', 'order', 4);
    await emitted('0 hours', 'order', 0);
    await pg`select knockon.emit_many(${pg.json(
      [5, 6, 7].map((n) => ({
        type: 'invoice.due',
        workspace: where.workspaceId,
        key: 'order',
        payload: { n },
        deliver_at: '2020-01-31T09:00:00+01:00',
      })),
    )})`;
    await emitted('1 hour', 'order', 2);
    await pass('1 hour');
    await promoteAll();
    await pass('1 hour');
    await promoteAll();
    const [now, past, then] = [[0], [5, 6, 7], [1, 2, 3, 4]];
    expect(await logOf('order')).toEqual([...now, ...past, ...then].map((n, seq) => [n, seq]));
  });

  it('leaves a key alone that somebody holds, and nobody else waits for that', async () => {
    for (const n of [0, 1]) await emitted('1 hour', 'held', n);
    await emitted('2 hours', 'held', 2);
    await emitted('3 hours', 'other', 3);
    const holder = await pg.reserve();
    await holder`begin`;
    await holder`select from knockon.sequences where key = 'held' for update`;
    await pass('3 hours');
    expect([await promoteAll(), await logOf('held'), await logOf('other')]).toEqual([
      1,
      [],
      [[3, 0]],
    ]);
    await holder`rollback`;
    holder.release();
    await promoteAll();
    expect(await logOf('held')).toEqual([0, 1, 2].map((n) => [n, n]));
  });

  it('does not wait for the many of another workspace that are due before it', async () => {
    const other = (await aChannel(test.database)).workspaceId;
    await many(where.workspaceId, 1000, '1 hour');
    await many(other, 2, '2 hours');
    await pass('3 hours');
    expect(await new DueEvents(pg, 100).promote(1000)).toBe(100);
    expect(await promotedOf(other)).toBe(2);
  });

  it('has its turn soon, however many workspaces have something scheduled that is not due', async () => {
    await many(where.workspaceId, 1000, '1 hour');
    await pg`
      insert into knockon.scheduled (id, type, version, workspace_id, timestamp, payload, deliver_at)
      select knockon.uuidv7(), 'invoice.due', 1, md5(n::text)::uuid, now(), '{}',
        now() + interval '1 year' from generate_series(1, 200) n`;
    const last = await aWorkspace('ffffffff-ffff-4fff-bfff-ffffffffffff');
    await many(last, 2, '2 hours');
    await pass('3 hours');
    const due = new DueEvents(pg, 20);
    for (let batch = 0; batch < 6; batch++) expect(await due.promote(1000)).toBe(20);
    expect(await promotedOf(last)).toBe(2);
    await promoteAll();
    expect(await promotedOf(where.workspaceId)).toBe(1000);
  });

  it('keeps the order of its key, whatever is shared out among workspaces', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.record({ of: fc.nat(2), key: fc.nat(2), at: fc.nat(5) }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      async (events, size) => {
        const run = uuidv7();
        const workspaces = [await aWorkspace(), await aWorkspace(), await aWorkspace()];
        for (const [n, { of, key, at }] of events.entries())
          await pg`select knockon.emit('invoice.due', ${workspaces[of]!},
            ${pg.json({ n, at })}, key => ${`${run} ${key}`},
            deliver_at => now() + (1 + ${at}::int) * interval '1 minute')`;
        await pass('1 hour');
        const due = new DueEvents(pg, size);
        let promoted = 0;
        do promoted += await due.promote(1000);
        while (due.inMs <= 0);
        expect(promoted).toBe(events.length);
        const wrong = await pg`
          select from (
            select seq, row_number() over (partition by sequence_id
              order by deliver_at, (payload ->> 'n')::int) - 1 as place
            from knockon.events where key like ${`${run}%`}
          ) e where seq <> place`;
        expect(wrong).toHaveLength(0);
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });

  it('is told from one that is late only by the moment that it was for', async () => {
    await emitted('1 hour');
    expect(await oldestUndispatched(pg)).toBeNull();
    await pass('1 hour 20 seconds');
    expect(await oldestUndispatched(pg)).toBeCloseTo(20, -1);
    await promoteAll();
    expect(await oldestUndispatched(pg)).toBeCloseTo(20, -1);
    const [{ overdue_ms } = {}] = await claim(pg, 500);
    expect(overdue_ms).toBeGreaterThan(19_000);
    expect(overdue_ms).toBeLessThan(40_000);
  });

  it.each([
    ["'invoice.due', '$workspace', '{}', deliver_at => now() + interval '367 days'", 'a year'],
    ["'invoice.due', '$workspace', '{}', deliver_at => 'infinity'", 'a year'],
  ])('is refused: %s', async (args, why) => {
    const sql = `select knockon.emit(${args.replace('$workspace', where.workspaceId)})`;
    await expect(pg.unsafe(sql)).rejects.toThrow(why);
  });

  it.each([
    ...[7, 'tomorrow', '2027-01-31', '2027-01-31T09:00:00', '2027-01-31T09:00Z'],
    ...['2027-02-30T09:00:00Z', '2027-01-31T25:00:00Z', '2027-01-31T09:00:00+99:00'],
  ])('is refused in JSON where the moment is %s', async (deliver_at) => {
    const event = { type: 'invoice.due', workspace: where.workspaceId, payload: {}, deliver_at };
    await expect(pg`select knockon.emit_many(${pg.json([event])})`).rejects.toThrow(
      '`deliver_at` is no moment',
    );
  });

  it('is emitted in TypeScript too, without a place until then', async () => {
    const deliverAt = new Date(Date.now() + 3_600_000);
    const sent = { type: 'invoice.due', workspaceId: where.workspaceId, key: 'ts', payload: {} };
    expect(await emit(pg, { ...sent, deliverAt })).toMatchObject({
      seq: null,
      deliver_at: deliverAt.toISOString(),
    });
    const now = await emit(pg, { ...sent, deliverAt: new Date(0) });
    expect([now.seq, now.deliver_at]).toEqual([0, undefined]);
  });
});

describe('an event that is cancelled', () => {
  const cancel = async (id: string) =>
    (await pg<{ done: boolean }[]>`select knockon.cancel(${id}) as done`)[0]!.done;

  it('is not dispatched, and leaves no gap in its key', async () => {
    const ids = [];
    for (const n of [0, 1, 2]) ids.push(await emitted('1 hour', 'gap', n));
    expect([await cancel(ids[1]!), await cancel(ids[1]!)]).toEqual([true, true]);
    await pass('1 hour');
    expect(await promoteAll()).toBe(2);
    expect(await logOf('gap')).toEqual([
      [0, 0],
      [2, 1],
    ]);
    expect(await cancel(ids[0]!)).toBe(false);
    expect(await cancel(where.channelId)).toBe(false);
  });

  it('is so if and only if the transaction commits, and none of its key overtakes it', async () => {
    const id = await emitted('1 hour', 'undecided', 0);
    await emitted('1 hour', 'undecided', 1);
    await pass('1 hour');
    await pg
      .begin(async (tx) => {
        await tx`select knockon.cancel(${id})`;
        expect(await promoteAll()).toBe(0);
        throw new Error('changed my mind');
      })
      .catch(() => {});
    await promoteAll();
    expect(await logOf('undecided')).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it('at the last moment is cancelled or dispatched, never both and never neither', async () => {
    const raced = 1000;
    const emitted = await pg<{ id: string }[]>`
      select knockon.emit('invoice.due', ${where.workspaceId}, jsonb_build_object('n', n),
        key => 'raced-' || n % 7, deliver_at => now() + interval '1 hour') as id
      from generate_series(0, ${raced}::int - 1) as n`;
    const ids = emitted.map(({ id }) => id);
    await pass('1 hour');
    const promoting = (async () => {
      for (let promoted = -1; promoted !== 0; )
        promoted = await new DueEvents(pg, 20).promote(1000);
    })();
    const answers: boolean[] = [];
    // From the last to the first: the two meet in the middle.
    for (const id of ids.toReversed()) answers.unshift(await cancel(id));
    await promoting;
    await promoteAll();
    const dispatched = new Set(
      (await pg<{ id: string }[]>`select event_id as id from knockon.outbox`).map(({ id }) => id),
    );
    expect(ids.map((id) => dispatched.has(id))).toEqual(answers.map((answer) => !answer));
    const cancelled = answers.filter(Boolean).length;
    expect([cancelled > 0, cancelled < raced]).toEqual([true, true]);
    for (let k = 0; k < 7; k++) {
      const log = await logOf(`raced-${k}`);
      expect(log.map(([, seq]) => seq)).toEqual(log.map((_, place) => place));
    }
  });
});

describe('a dispatcher', () => {
  const dispatching = (size = 500) => {
    const taken: number[] = [];
    const transport = {
      start: async (dispatch: { size: number }) => {
        taken.push(dispatch.size);
        return 'run';
      },
      close: async () => {},
    };
    const dispatcher = new Dispatcher({
      pg,
      listen: test.database.listen,
      transport,
      size,
      log: pino({ level: 'silent' }),
      fits: () => true,
    });
    dispatcher.start();
    return { dispatcher, taken };
  };

  it('takes what is due soon at its moment, though nothing else wakes it', async () => {
    const { dispatcher, taken } = dispatching();
    await emitted('0.4 seconds');
    const emittedAt = performance.now();
    await expect.poll(() => taken, { interval: 5 }).toEqual([1]);
    expect(performance.now() - emittedAt).toBeGreaterThan(390);
    expect(performance.now() - emittedAt).toBeLessThan(900);
    await dispatcher.stop();
  });

  it('takes many that are due at once as it takes a backlog', async () => {
    for (let n = 0; n < 2; n++)
      await pg`select count(knockon.emit('invoice.due', ${where.workspaceId},
        jsonb_build_object('n', n), key => 'k' || n % 50, deliver_at => now() + interval '1 hour'))
        from generate_series(1, 1500) as n`;
    await pass('1 hour');
    const { dispatcher, taken } = dispatching();
    await expect.poll(() => taken.reduce((sum, size) => sum + size, 0)).toBe(3000);
    expect(Math.max(...taken)).toBeLessThanOrEqual(500);
    await dispatcher.stop();
    const [gaps] = await pg`
      select count(*)::int as n from (select sequence_id, max(seq) - count(*) + 1 as off
        from knockon.events where key like 'k%' group by 1) s where off <> 0`;
    expect(gaps).toEqual({ n: 0 });
  });
});
