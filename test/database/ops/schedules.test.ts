import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { triggerSchedule } from '../../../src/ops/schedules/control.ts';
import { emitDue } from '../../../src/ops/schedules/emit-due.ts';
import { putSchedule, type ScheduleGiven } from '../../../src/ops/schedules/put.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';

let made: TestDatabase;
let database: Database;
/** Connections for which it is as late as `setClock` says. */
let skipped: Database;
let workspace: string;
const warnings: unknown[] = [];
const log = { warn: (...said: unknown[]) => void warnings.push(said) };

beforeAll(async () => {
  made = await freshDatabase();
  database = made.database;
  await declareTypes(database, ['digest.due'], { schema: { type: 'object' } });
  const { pg } = database;
  const { url } = made;
  const [row] = await pg<{ id: string; name: string }[]>`
    insert into knockon.workspaces (name) values ('Acme')
    returning id, current_database() as name`;
  workspace = row!.id;
  // What schedules call `now()` is that one, on connections from now on.
  await pg`create schema clock`;
  await pg`create table clock.clock (at timestamptz)`;
  await pg`create function clock.now() returns timestamptz language sql
    as 'select at from clock.clock'`;
  await pg`insert into clock.clock values ('2027-01-01')`;
  await pg.unsafe(`alter database "${row!.name}" set search_path = clock, pg_catalog, public`);
  skipped = connectDatabase(url, { connections: 4 });
});

afterAll(async () => {
  await skipped?.close();
  await made?.close();
});

beforeEach(async () => {
  warnings.length = 0;
  await database.pg`delete from knockon.schedules`;
  await database.pg`truncate knockon.events, knockon.outbox, knockon.dispatches, knockon.receipts,
    knockon.subscribers`;
});

const setClock = (at: string) => database.pg`update clock.clock set at = ${at}`;

async function make(given: Partial<ScheduleGiven> = {}): Promise<void> {
  const usual = { event_type: 'digest.due', payload: { for: '$scheduled_at' }, key: null };
  const timetable = { cron: '30 2 * * *', zone: 'Europe/Berlin', catch_up_seconds: 86_400 };
  const whole = { ...usual, ...timetable, overlap: 'allow', workspace_id: workspace } as const;
  const put = await putSchedule(
    skipped,
    { name: 'digest', ...whole, ...given },
    { by: 'ada', replace: false },
  );
  expect(put.state).toBe('made');
}

/** Emits an event of that key in a transaction that stays open until it is let go. */
async function hold(key: string): Promise<{ letGo(): Promise<void> }> {
  let isHeld = () => {};
  let end = () => {};
  const held = new Promise<void>((resolve) => (isHeld = resolve));
  const ended = new Promise<void>((resolve) => (end = resolve));
  const holding = database.pg.begin(async (tx) => {
    await tx`select knockon.emit('digest.due', ${workspace}, '{}', key => ${key})`;
    isHeld();
    await ended;
  });
  await held;
  return {
    async letGo() {
      end();
      await holding;
    },
  };
}

/** The moments that events were emitted for, as they say. */
async function emitted(): Promise<string[]> {
  const rows = await database.pg<{ at: string }[]>`
    select payload->>'for' as at from knockon.events order by 1`;
  return rows.map(({ at }) => at);
}

async function walk(from: string, to: string, minutes: number): Promise<void> {
  for (let at = Date.parse(from); at <= Date.parse(to); at += minutes * 60_000) {
    await setClock(new Date(at).toISOString());
    await emitDue(skipped, log);
  }
}

describe('a schedule of every day at 2:30 in Berlin', () => {
  test('emits once on each day, also where the clock is put forward at 2:00', async () => {
    await setClock('2027-03-26T22:00:00Z');
    await make();
    await walk('2027-03-26T22:00:00Z', '2027-03-29T06:00:00Z', 60);
    expect(await emitted()).toEqual([
      '2027-03-27T01:30:00.000Z',
      '2027-03-28T01:30:00.000Z',
      '2027-03-29T00:30:00.000Z',
    ]);
  });

  test('emits once on each day, also where 2:30 is twice', async () => {
    await setClock('2027-10-29T22:00:00Z');
    await make();
    await walk('2027-10-29T22:00:00Z', '2027-11-01T06:00:00Z', 60);
    expect(await emitted()).toEqual([
      '2027-10-30T00:30:00.000Z',
      '2027-10-31T00:30:00.000Z',
      '2027-11-01T01:30:00.000Z',
    ]);
  });
});

test('each run is emitted once by many that emit at the same moment', async () => {
  await setClock('2027-01-01T00:00:00Z');
  for (let i = 0; i < 8; i++) await make({ name: `each-${i}`, cron: '*/10 * * * *' });
  await setClock('2027-01-01T01:00:00Z');
  await Promise.all(Array.from({ length: 8 }, () => emitDue(skipped, log)));
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(8 * 6);
  expect(new Set(await emitted()).size).toBe(6);
});

test('what is due for longer than it may be caught up is missed, and told', async () => {
  await setClock('2027-01-01T00:00:00Z');
  await make({ cron: '0 * * * *', catch_up_seconds: 3 * 3600 });
  await setClock('2027-01-02T00:30:00Z');
  await emitDue(skipped, log);
  expect(await emitted()).toEqual([
    '2027-01-01T22:00:00.000Z',
    '2027-01-01T23:00:00.000Z',
    '2027-01-02T00:00:00.000Z',
  ]);
  const [row] = await database.pg`select missed_from, missed_to, next_at from knockon.schedules`;
  expect(row).toEqual({
    missed_from: new Date('2027-01-01T01:00:00Z'),
    missed_to: new Date('2027-01-01T21:30:00Z'),
    next_at: new Date('2027-01-02T01:00:00Z'),
  });
  expect(warnings).toHaveLength(1);
});

test('a long outage of a schedule of every minute is caught up in steps', async () => {
  await setClock('2027-01-01T00:00:30Z');
  await make({ cron: '* * * * *' });
  await setClock('2027-01-01T04:10:30Z');
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(250);
});

test('one that can not be emitted holds up no other, and is tried again', async () => {
  await setClock('2027-01-01T00:00:00Z');
  await make({ name: 'a-broken-one', cron: '0 1 * * *', zone: 'UTC' });
  await make({ name: 'b-fine-one', cron: '0 1 * * *', zone: 'UTC' });
  await database.pg`update knockon.schedules set event_type = 'never.declared'
    where name = 'a-broken-one'`;
  await setClock('2027-01-01T01:00:00Z');
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(1);
  const failing = () => database.pg`select name, last_error from knockon.schedules
    where last_error is not null`;
  expect(await failing()).toEqual([
    { name: 'a-broken-one', last_error: expect.stringContaining('never.declared') },
  ]);
  await database.pg`update knockon.schedules set event_type = 'digest.due'`;
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(1);
  await setClock('2027-01-01T01:00:11Z');
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(2);
  expect(await failing()).toEqual([]);
});

test('one whose payload does not fit its type any more says so, and emits once it does', async () => {
  await setClock('2027-01-01T00:00:00Z');
  await declareTypes(database, ['bill.due'], { schema: { type: 'object' } });
  await make({ cron: '0 1 * * *', zone: 'UTC', event_type: 'bill.due' });
  await declareTypes(database, ['bill.due'], { version: 2 });
  await setClock('2027-01-01T01:00:00Z');
  await emitDue(skipped, log);
  const read = () => database.pg`select last_error, next_at from knockon.schedules`;
  expect(await read()).toEqual([
    {
      last_error: expect.stringContaining('not fit the event type bill.due: amount is missing'),
      next_at: new Date('2027-01-01T01:00:00Z'),
    },
  ]);
  expect(await emitted()).toEqual([]);
  expect(warnings).toHaveLength(1);
  await database.pg`update knockon.schedules
    set payload = ${database.pg.json({ amount: 5, for: '$scheduled_at' })}`;
  await setClock('2027-01-01T01:00:11Z');
  await emitDue(skipped, log);
  expect(await emitted()).toEqual(['2027-01-01T01:00:00.000Z']);
  expect(await read()).toMatchObject([{ last_error: null }]);
});

test('a key in use delays its own schedule alone', async () => {
  await setClock('2027-01-01T00:00:00Z');
  await make({ name: 'a-held-one', cron: '0 1 * * *', zone: 'UTC', key: 'held' });
  await make({ name: 'b-free-one', cron: '0 1 * * *', zone: 'UTC' });
  await setClock('2027-01-01T01:00:00Z');
  const holder = await hold('held');
  await emitDue(skipped, log);
  await holder.letGo();
  expect(await emitted()).toEqual(['2027-01-01T01:00:00.000Z', null]);
  await setClock('2027-01-01T01:00:15Z');
  await emitDue(skipped, log);
  expect(await emitted()).toHaveLength(3);
});

describe('a schedule that skips what would overlap', () => {
  const subscribe = () => database.pg`
    insert into knockon.subscribers (name, event_types, task_queue, activity, batch, timeout_ms,
      retry) values ('mailer', '{digest.due}', 'q', 'a', 1, 1000, '{}')`;

  test('emits while no event of it is open, and skips while one is', async () => {
    await subscribe();
    await setClock('2027-01-01T00:00:00Z');
    await make({ cron: '0 * * * *', overlap: 'skip' });
    await walk('2027-01-01T01:00:00Z', '2027-01-01T03:00:00Z', 60);
    expect(await emitted()).toEqual(['2027-01-01T01:00:00.000Z']);
    await database.pg`insert into knockon.dispatches (id, type, size, subscribers)
      select event_id, type, 1, '{mailer}' from knockon.outbox`;
    await database.pg`update knockon.outbox set dispatch_id = event_id`;
    await walk('2027-01-01T04:00:00Z', '2027-01-01T04:00:00Z', 60);
    expect(await emitted()).toHaveLength(1);
    await database.pg`insert into knockon.receipts (event_id, subscriber)
      select event_id, 'mailer' from knockon.outbox`;
    await walk('2027-01-01T05:00:00Z', '2027-01-01T05:00:00Z', 60);
    expect(await emitted()).toEqual(['2027-01-01T01:00:00.000Z', '2027-01-01T05:00:00.000Z']);
    const skips = await database.pg`select count(*)::int from knockon.schedule_runs
      where event_id is null`;
    expect(skips).toEqual([{ count: 3 }]);
  });

  test('skips too while an event is open that was emitted before one that is done', async () => {
    await subscribe();
    await setClock('2027-01-01T00:00:00Z');
    await make({ cron: '0 * * * *', overlap: 'skip' });
    for (const at of ['2027-01-01T00:20:00Z', '2027-01-01T00:25:00Z']) {
      await setClock(at);
      await skipped.db.transaction((tx) => triggerSchedule(tx, { name: 'digest', by: 'ada' }));
    }
    await database.pg`insert into knockon.dispatches (id, type, size, subscribers)
      select event_id, type, 1, '{mailer}' from knockon.outbox`;
    await database.pg`update knockon.outbox set dispatch_id = event_id`;
    await database.pg`insert into knockon.receipts (event_id, subscriber)
      select event_id, 'mailer' from knockon.outbox order by event_id desc limit 1`;
    await walk('2027-01-01T01:00:00Z', '2027-01-01T01:00:00Z', 60);
    expect(await emitted()).toHaveLength(2);
    await database.pg`insert into knockon.receipts (event_id, subscriber)
      select event_id, 'mailer' from knockon.outbox order by event_id limit 1`;
    await walk('2027-01-01T02:00:00Z', '2027-01-01T02:00:00Z', 60);
    expect(await emitted()).toHaveLength(3);
  });

  test('emits the newest of several that are due at once', async () => {
    await setClock('2027-01-01T00:00:00Z');
    await make({ cron: '0 * * * *', overlap: 'skip' });
    await setClock('2027-01-01T05:30:00Z');
    await emitDue(skipped, log);
    expect(await emitted()).toEqual(['2027-01-01T05:00:00.000Z']);
  });

  test('emits the newest of more than one pass looks at', async () => {
    await setClock('2027-01-01T00:00:00Z');
    await make({ cron: '* * * * *', overlap: 'skip' });
    await setClock('2027-01-01T03:20:30Z');
    await emitDue(skipped, log);
    expect(await emitted()).toEqual(['2027-01-01T03:20:00.000Z']);
  });
});
