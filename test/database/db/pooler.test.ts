import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDatabase, type Database, type DatabaseOptions } from '../../../src/db/client.ts';
import { errorCode } from '../../../src/db/errors.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { compareMigrations } from '../../../src/db/migrations.ts';
import { workspaces } from '../../../src/db/schema/workspaces.ts';
import { askServer } from '../../../src/db/server.ts';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import {
  isPgbouncerInstalled,
  startPgbouncer,
  type TestPgbouncer,
} from '../../harness/pgbouncer.ts';

/** Connections to the server: fewer than ours to the pooler, so that sessions are shared. */
const FEW = 3;

describe.runIf(isPgbouncerInstalled).each([
  ['that refuses what it does not know', []],
  [
    'that ignores what it does not know',
    [
      'ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout',
    ],
  ],
])('by way of a pooler %s', (_, settings) => {
  let test: TestDatabase;
  let pooler: TestPgbouncer;
  let opened: Database[] = [];
  const connect = (options?: DatabaseOptions) => {
    const database = connectDatabase(pooler.url, options);
    opened.push(database);
    return database;
  };
  beforeAll(async () => {
    test = await freshDatabase();
    pooler = await startPgbouncer(test.url, FEW, settings);
  });
  afterEach(async () => {
    await Promise.all(opened.map((database) => database.close()));
    opened = [];
  });
  afterAll(async () => {
    await test?.close();
    await pooler?.stop();
  });

  const codeOf = (work: Promise<unknown>) => work.then(() => 'none', errorCode);

  it('is noticed, and so is that it knows of no prepared statements', async () => {
    const [direct, pooled] = [
      postgres(test.url, { max: 1 }),
      postgres(pooler.url, { max: 1, fetch_types: false }),
    ];
    expect(await askServer(direct)).toMatchObject({ pooled: false, prepares: true });
    expect(await askServer(pooled)).toMatchObject({ pooled: true, prepares: false });
    await Promise.all([direct.end(), pooled.end()]);
  });

  it('statements of both kinds are run by whichever session is free', async () => {
    const database = connect({ connections: 8 });
    const many = Array.from({ length: 60 }, (_, n) => n);
    const answers = await Promise.all(
      many.flatMap((n) => [
        database.pg`select ${n}::int as n`.then(([row]) => row?.n),
        database.db.execute<{ n: number }>(sql`select ${n}::int as n`).then(([row]) => row?.n),
        database.db.transaction(
          async (tx) => (await tx.execute<{ n: number }>(sql`select ${n}::int as n`))[0]?.n,
        ),
      ]),
    );
    expect(answers).toEqual(many.flatMap((n) => [n, n, n]));
    expect(
      await Promise.all([database.pg`select 1 as one`, database.pg`select ${'x'} as x`]),
    ).toEqual([[{ one: 1 }], [{ x: 'x' }]]);
  });

  it('messages are stored, and a statement that fails stores nothing', async () => {
    const database = connect();
    const where = await aChannel(database);
    const writer = aWriter(database);
    await Promise.all(Array.from({ length: 30 }, () => writer.post(aMessage(where))));
    expect(
      await test.database
        .pg`select count(*)::int as n from knockon.messages where channel_id = ${where.channelId}`,
    ).toEqual([{ n: 30 }]);
    expect(
      await codeOf(
        database.pg`insert into knockon.channels (workspace_id, name) values (${where.workspaceId}, ${'x'}), (gen_random_uuid(), 'y')`,
      ),
    ).toBe('23503');
    expect(await test.database.pg`select from knockon.channels where name = 'x'`).toHaveLength(0);
    await database.db.insert(workspaces).values({ name: 'after it' });
  });

  it.each([
    ['a statement', (database: Database) => database.pg`select pg_sleep(5)`],
    [
      'a statement of drizzle',
      (database: Database) => database.db.execute(sql`select pg_sleep(${5})`),
    ],
    [
      'one of a transaction',
      (database: Database) => database.pg.begin((tx) => tx`select pg_sleep(5)`),
    ],
  ])('%s has its time limit, and nobody else has it', async (_, run) => {
    const [limited, free] = [connect({ statementMs: 300 }), connect()];
    expect(await codeOf(Promise.resolve(run(limited)))).toBe('57014');
    const limits = await Promise.all(
      Array.from(
        { length: 2 * FEW },
        () => free.pg`select current_setting('statement_timeout') as ms, pg_sleep(0.02)`,
      ),
    );
    expect(limits.map(([row]) => row?.ms)).toEqual(Array(2 * FEW).fill('20s'));
  });

  it('a wait for a lock has its limit, and so has an idle transaction', async () => {
    const [holder, waiter] = [postgres(test.url, { max: 1 }), connect({ lockMs: 200 })];
    await holder.begin(async (tx) => {
      await tx`lock table knockon.workspaces in access exclusive mode`;
      expect(await codeOf(waiter.pg`select from knockon.workspaces`)).toBe('55P03');
    });
    await holder.end();
    const idle = await waiter.pg.begin(
      (tx) => tx`select current_setting('idle_in_transaction_session_timeout') as limit`,
    );
    expect(idle).toEqual([{ limit: '1min' }]);
  });

  it('a statement whose session is ended fails, and the next ones go on', async () => {
    const database = connect({ connections: 1 });
    const asleep = codeOf(database.pg`select pg_sleep(20), 'to be ended'`);
    const sleeping = () =>
      test.database.pg<
        { pid: number }[]
      >`select pid from pg_stat_activity where query like '%to be ended%' and wait_event = 'PgSleep'`;
    await expect.poll(async () => (await sleeping()).length).toBe(1);
    await test.database
      .pg`select pg_terminate_backend(pid, 5000) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`;
    expect(await asleep).not.toBe('none');
    expect(await database.pg`select 1 as one`).toEqual([{ one: 1 }]);
    expect(await database.db.execute(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('nobody listens but by a way around it', async () => {
    const heard: (string | undefined)[] = [];
    expect(await connect().listen('pooled', (text) => heard.push(text))).toBe(false);
    expect(
      await connect({ directUrl: test.url }).listen('pooled', (text) => heard.push(text)),
    ).toBe(true);
    await connect().pg`select pg_notify('pooled', 'told')`;
    await expect.poll(() => heard).toEqual([undefined, 'told']);
  });
});

describe.runIf(isPgbouncerInstalled)('a pooler in statement mode', () => {
  it('is named, by a pool and by the migration', async () => {
    const url = await emptyDatabase();
    const pooler = await startPgbouncer(url, FEW, ['pool_mode = statement']);
    const database = connectDatabase(pooler.url);
    const told =
      'DATABASE_URL leads through a pooler in statement mode: Knock-on needs transactions. ' +
      'Set its pool_mode to transaction or session.';
    await expect(database.pg`select 1`).rejects.toThrow(told);
    await expect(migrate(pooler.url)).rejects.toThrow(told);
    await database.close();
    await pooler.stop();
  });
});

describe.runIf(isPgbouncerInstalled)('migrating by way of a pooler', () => {
  let pooler: TestPgbouncer;
  let url: string;
  beforeEach(async () => {
    url = await emptyDatabase();
    pooler = await startPgbouncer(url, FEW);
  });
  afterEach(() => pooler.stop());

  it('works, also by two at once, and leaves no lock behind', async () => {
    await Promise.all([migrate(pooler.url), migrate(pooler.url)]);
    const direct = connectDatabase(url);
    expect((await compareMigrations(direct.pg)).pending).toEqual([]);
    expect(
      await direct.pg`select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
    ).toHaveLength(0);
    await direct.close();
  });
});
