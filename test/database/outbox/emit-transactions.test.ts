import { execFileSync, spawnSync } from 'node:child_process';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';
import { isPgbouncerInstalled, startPgbouncer } from '../../harness/pgbouncer.ts';

const isPsqlInstalled = spawnSync('psql', ['--version']).status === 0;

let test: TestDatabase;
let where: { workspaceId: string; channelId: string };
/** As an application has it: a client that knows nothing of Knock-on. */
let pg: Sql;

beforeAll(async () => {
  test = await freshDatabase();
  pg = postgres(test.url, { max: 10, onnotice: () => {} });
  await pg`
    insert into knockon.event_types (name, version, schema, source) values
      ('invoice.paid', 1, '{"type": "object", "required": ["amount"]}', 'code'),
      ('invoice.sent', 1, '{"type": "object"}', 'code')`;
  where = await aChannel(test.database);
});
afterAll(async () => {
  await pg.end();
  await test.close();
});

const emitted = (tx: Pick<Sql, 'unsafe'>, key: string) =>
  tx.unsafe(`select knockon.emit('invoice.paid', '${where.workspaceId}', '{"amount": 1}',
    key => '${key}')`);

const seqsOf = async (key: string) =>
  (await pg`select seq::int from knockon.events where key = ${key} order by seq`).map(
    ({ seq }) => seq,
  );

const event = (key: string, rest: object = {}) => ({
  type: 'invoice.paid',
  workspace: where.workspaceId,
  payload: { amount: 1 },
  key,
  ...rest,
});

const emitMany = (events: unknown) =>
  pg<{ id: string }[]>`select emit_many as id from knockon.emit_many(${pg.json(events as never)})`;

describe('emitting in SQL', () => {
  it('leaves nothing of a transaction that is rolled back, and no gap', async () => {
    await pg.begin((tx) => emitted(tx, 'rolled'));
    await pg
      .begin(async (tx) => {
        await emitted(tx, 'rolled');
        throw new Error('changed my mind');
      })
      .catch(() => {});
    await pg.begin(async (tx) => {
      await tx
        .savepoint(async (sp) => {
          await emitted(sp, 'rolled');
          throw new Error('only this');
        })
        .catch(() => {});
      await emitted(tx, 'rolled');
    });
    expect(await seqsOf('rolled')).toEqual([0, 1]);
  });

  it('takes many at once, and returns their ids in the order given', async () => {
    const keys = ['b', 'a', 'b', 'c', 'a', 'b'];
    const ids = await emitMany(keys.map((key, n) => event(`many-${key}`, { payload: { n } })));
    const rows = await pg`
      select e.key, e.seq::int, (e.payload ->> 'n')::int as n
      from unnest(${ids.map(({ id }) => id)}::uuid[]) with ordinality as t (id, place)
      join knockon.events e on e.id = t.id order by place`;
    expect(rows.map(({ key, seq, n }) => [key, seq, n])).toEqual([
      ['many-b', 0, 0],
      ['many-a', 0, 1],
      ['many-b', 1, 2],
      ['many-c', 0, 3],
      ['many-a', 1, 4],
      ['many-b', 2, 5],
    ]);
    expect(await emitMany([])).toEqual([]);
  });

  it.each([
    [
      'an unknown type',
      () => [event('x'), event('x', { type: 'invoice.payed' })],
      /^events\[1\]: .*payed/,
    ],
    [
      'a member that is none',
      () => [event('x'), event('x', { worksapce: null })],
      /^events\[1\] .*worksapce/,
    ],
    [
      'an id that is none',
      () => [event('x', { channel: 'general' })],
      /^events\[0\] .*`channel` is no UUID/,
    ],
    [
      'a version that is none',
      () => [event('x', { version: 1.5 })],
      /^events\[0\] .*`version` is no whole/,
    ],
    [
      'something else',
      () => [event('x'), 'invoice.paid'],
      /^events\[1\] .*no JSON object, but string/,
    ],
    ['no list', () => ({ type: 'invoice.paid' }), /^the events are no JSON array/],
    ['too many', () => Array.from({ length: 10_001 }, () => ({})), /^10001 events are too many/],
  ])('refuses %s among many, says where it is, and stores nothing', async (_, events, why) => {
    await expect(emitMany(events())).rejects.toThrow(why);
    expect(await seqsOf('x')).toEqual([]);
  });

  it('does not note an event as unchecked where its schema can refuse nothing', async () => {
    const [{ id } = {}] = await emitMany([event('unchecked', { type: 'invoice.sent' })]);
    const [row] = await pg`select unchecked from knockon.outbox where event_id = ${id!}`;
    expect(row).toEqual({ unchecked: null });
  });

  it('never deadlocks, and numbers without gaps, however many emit for the same keys', async () => {
    const keys = ['race-a', 'race-b', 'race-c', 'race-d', 'race-e'];
    const shuffled = (n: number) => keys.toSorted((a, b) => hash(a, n) - hash(b, n)).slice(0, 3);
    const hash = (key: string, n: number) => (key.charCodeAt(5) * 7919 + n * 104_729) % 101;
    const committed = new Map(keys.map((key) => [key, 0]));
    let channel = 0;
    await Promise.all(
      Array.from({ length: 80 }, async (_, n) => {
        const chosen = shuffled(n);
        const inChannel = event('', { key: undefined, channel: where.channelId });
        const events = [...chosen.map((key) => event(key)), ...(n % 4 ? [] : [inChannel])];
        await pg
          .begin(async (tx) => {
            await tx`select knockon.emit_many(${tx.json(events as never)})`;
            if (n % 2) throw new Error('changed my mind');
            for (const key of chosen) committed.set(key, committed.get(key)! + 1);
            channel += events.length - chosen.length;
          })
          .catch((error: Error) => expect(error.message).toBe('changed my mind'));
      }),
    );
    for (const key of keys)
      expect(await seqsOf(key)).toEqual(Array.from({ length: committed.get(key)! }, (_, n) => n));
    const [row] = await pg`
      select last_event_seq::int as last from knockon.channels where id = ${where.channelId}`;
    expect(row).toEqual({ last: channel });
  });

  it('leaves out what others hold where it is told not to wait, and stores the rest', async () => {
    await emitted(pg, 'held');
    const holder = await pg.reserve();
    await holder`begin`;
    await emitted(holder, 'held');
    await emitted(holder, 'being-made');
    await holder`select from knockon.channels where id = ${where.channelId} for update`;
    const [keys, channels] = [
      ['held', 'being-made', 'free', null, null],
      [null, null, null, where.channelId, null],
    ];
    const each = <T>(value: T) => keys.map(() => value);
    const rows = await pg.begin(async (tx) => {
      await tx`set local lock_timeout = '7s'`;
      const stored = await tx`
        select held, seq::int, code from knockon.store_events(
          ${each('invoice.paid')}::text[], ${each(where.workspaceId)}::uuid[],
          ${each('{"amount": 1}')}::text[]::jsonb[], ${channels}::uuid[], ${each(null)}::uuid[],
          ${keys}::text[], ${each(null)}::uuid[], ${each(null)}::int[],
          ${each(null)}::timestamptz[], true, true)`;
      expect(await tx`show lock_timeout`).toEqual([{ lock_timeout: '7s' }]);
      return stored;
    });
    expect(rows.map(({ held, seq, code }) => ({ held, seq, code }))).toEqual([
      { held: true, seq: null, code: null },
      { held: true, seq: null, code: null },
      { held: false, seq: 0, code: null },
      { held: true, seq: null, code: null },
      { held: false, seq: null, code: null },
    ]);
    await holder`commit`;
    holder.release();
    expect(await seqsOf('held')).toEqual([0, 1]);
  });

  it.runIf(isPgbouncerInstalled)('works through pgbouncer', async () => {
    const pooler = await startPgbouncer(test.url, 2);
    const pooled = postgres(pooler.url, { max: 4, prepare: false, onnotice: () => {} });
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        pooled
          .begin(async (tx) => {
            await emitted(tx, 'pooled');
            if (n % 2) throw new Error('changed my mind');
          })
          .catch((error: Error) => expect(error.message).toBe('changed my mind')),
      ),
    );
    await pooled.end();
    await pooler.stop();
    expect(await seqsOf('pooled')).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.runIf(isPsqlInstalled)('works from psql', async () => {
    const statement = `select knockon.emit('invoice.paid', workspace => '${where.workspaceId}',
      payload => '{"amount": 1}', key => 'psql');`;
    const script = Array.from(
      { length: 6 },
      (_, n) => `begin; ${statement} ${n % 2 ? 'rollback' : 'commit'};`,
    );
    execFileSync('psql', ['-X', '-v', 'ON_ERROR_STOP=1', test.url], { input: script.join('\n') });
    expect(await seqsOf('psql')).toEqual([0, 1, 2]);
  });
});

describe('the role knockon_emitter', () => {
  let theirs: Sql;
  beforeAll(async () => {
    const role = `app_${new URL(test.url).pathname.slice(6)}`;
    await pg.unsafe(`
      create role ${role} login password 'test' in role knockon_emitter;
      create schema ${role} authorization ${role}`);
    const url = new URL(test.url);
    url.username = role;
    url.password = 'test';
    theirs = postgres(url.href, { max: 2, onnotice: () => {} });
    await theirs.unsafe(`
      create table ${role}.invoices (id text, workspace uuid);
      create function ${role}.tell() returns trigger language plpgsql as $$ begin
        perform knockon.emit('invoice.paid', new.workspace, jsonb_build_object('amount', 1), key => new.id);
        return null;
      end $$;
      create trigger tell after insert on ${role}.invoices for each row execute function ${role}.tell()`);
  });
  afterAll(() => theirs.end());

  it('emits, also by a trigger and without any search path', async () => {
    await theirs.begin(async (tx) => {
      await tx`set local search_path = ''`;
      await emitted(tx, 'by-role');
      await tx`select knockon.emit_many(${tx.json([event('by-role')] as never)})`;
      const [role] = await tx<{ name: string }[]>`select current_user as name`;
      await tx`insert into ${tx(role!.name)}.invoices
        select 'by-trigger', ${where.workspaceId} from generate_series(1, 3)`;
    });
    expect(await seqsOf('by-role')).toEqual([0, 1]);
    expect(await seqsOf('by-trigger')).toEqual([0, 1, 2]);
  });

  it('can have none of its payloads go unchecked', async () => {
    await emitted(theirs, 'to-check');
    const events = theirs.json([event('to-check')] as never);
    await theirs`select knockon.emit_many(${events})`;
    await theirs`select * from knockon.emit_events(${events})`;
    await expect(theirs`select * from knockon.emit_events(${events}, true)`).rejects.toThrow(
      /emit_events\(jsonb, boolean\) does not exist/,
    );
    const rows = await pg`
      select unchecked from knockon.outbox o join knockon.events e on e.id = o.event_id
      where e.key = 'to-check'`;
    expect(rows.map(({ unchecked }) => unchecked)).toEqual([true, true, true]);
  });

  it.each([
    'select * from knockon.events',
    'select * from knockon.event_types',
    'delete from knockon.outbox',
    'insert into knockon.workspaces (name) values (1)',
    "select knockon.store_events('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', false, false)",
    "select knockon.write_events('[]', true)",
    "select knockon.why_refused('a.b', null, null, null, null, null, null, null, null)",
    "select knockon.make_sequences('{}', '{}', false)",
    'create table knockon.mine (id int)',
  ])('may do nothing else: %s', async (statement) => {
    await expect(theirs.unsafe(statement)).rejects.toThrow(/permission denied/);
  });

  it('is what all of our functions are kept from, but for those that emit or only compute', async () => {
    const rows = await pg<{ name: string }[]>`
      select p.proname as name from pg_proc p
      where p.pronamespace = 'knockon'::regnamespace
        and has_function_privilege('knockon_emitter', p.oid, 'execute') order by 1`;
    expect(rows.map(({ name }) => name)).toEqual([
      'cancel',
      'emit',
      'emit_events',
      'emit_many',
      'uuid_at',
      'uuid_time',
      'uuidv7',
    ]);
  });
});
