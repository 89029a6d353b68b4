import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../../src/db/client.ts';
import { Places, PoolBusyError } from '../../../src/db/connection-limit.ts';
import { databaseTrouble, errorCode, isDatabaseAway } from '../../../src/db/errors.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { createBoss } from '../../../src/transport/pg-boss/boss.ts';
import { askPostgres, startHealth } from '../../../src/workers/process/health.ts';
import { createLog, ShutdownStack } from '../../../src/workers/process/process.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { startProxy, type TestProxy } from '../../harness/proxy.ts';

let test: TestDatabase;
let proxy: TestProxy;
/** Made outside of any transaction. */
const outer = new AsyncResource('test');
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  test = await freshDatabase();
  proxy = await startProxy(test.url);
});
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await proxy?.stop();
  await test?.close();
});

function connect(url: string, options: Parameters<typeof connectDatabase>[1]) {
  const database = connectDatabase(url, options);
  open.push(database);
  return database;
}

const codeOf = (work: PromiseLike<unknown>) => Promise.resolve(work).then(() => 'done', errorCode);

describe('a place in a pool', () => {
  it('is waited for in the order of asking, for a limited time and by a limited number', async () => {
    const places = new Places({ places: 1, waitMs: 50, mostWaiting: 2 });
    const release = await places.take();
    const [second, third] = [places.take(), places.take()];
    await expect(places.take()).rejects.toThrow(PoolBusyError);
    release();
    release();
    (await second)();
    (await third)();
    const last = await places.take();
    await expect(places.take()).rejects.toThrow('within 0.05 s');
    last();
    expect(places.takeNow()).toBeDefined();
  });
});

describe('a session', () => {
  const asked = `select current_setting('tcp_keepalives_idle') as idle,
    current_setting('tcp_user_timeout') as answer`;

  it('has Postgres look after 10 s whether its client is still there, and leave it after 20', async () => {
    const { db, pg: raw } = connect(test.url, {});
    const boss = createBoss({ url: test.url, name: 'boss', log: { warn() {} } });
    await boss.start();
    open.push({ close: () => boss.stop({ graceful: false }) });
    const noticed = { idle: '10', answer: '20000' };
    expect([...(await db.execute(sql.raw(asked)))]).toEqual([noticed]);
    expect([...(await raw.unsafe(asked))]).toEqual([noticed]);
    expect((await boss.getDb().executeSql(asked)).rows).toEqual([noticed]);
  });
});

describe('a statement', () => {
  it('ends at its time limit, and the connection serves the next one', async () => {
    const { db, pg: raw } = connect(test.url, { statementMs: 300 });
    expect(await codeOf(db.execute(sql`select pg_sleep(5)`))).toBe('57014');
    expect(await codeOf(raw`select pg_sleep(5)`)).toBe('57014');
    expect(await codeOf(db.transaction((tx) => tx.execute(sql`select pg_sleep(5)`)))).toBe('57014');
    expect(await raw`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it('waits for no transaction where these may not have all connections', async () => {
    const { db } = connect(test.url, { connections: 3, transactions: 2, waitMs: 60_000 });
    let end = () => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const inside = () =>
      db.transaction(async (tx) => {
        await tx.execute(sql`select 1`);
        await held;
      });
    const transactions = Array.from({ length: 5 }, inside);
    const statements = Array.from({ length: 20 }, () => db.execute(sql`select 1 as one`));
    expect((await Promise.all(statements)).flat()).toEqual(Array(20).fill({ one: 1 }));
    end();
    await Promise.all(transactions);
  });

  it('waits for a lock no longer than it may', async () => {
    const { pg: raw } = connect(test.url, { lockMs: 200 });
    await test.database.pg`create table locked (id int)`;
    await test.database.pg.begin(async (tx) => {
      await tx`lock table locked`;
      expect(errorCode(await withoutContext(() => raw`select * from locked`))).toBe('55P03');
    });
  });

  it('waits for a connection no longer than it may, and counts as away', async () => {
    const { db } = connect(test.url, { connections: 1, waitMs: 200 });
    await db.transaction(async (tx) => {
      const refused = await withoutContext(() => db.execute(sql`select 1`));
      expect([errorCode(refused), isDatabaseAway(refused)]).toEqual(['POOL_BUSY', true]);
      await tx.execute(sql`select 1`);
    });
  });

  it('is refused inside a transaction where that is looked after', async () => {
    const nested = { cause: expect.objectContaining({ name: 'NestedUseError' }) };
    await expect(
      test.database.db.transaction(() => test.database.db.execute(sql`select 1`)),
    ).rejects.toMatchObject(nested);
    await expect(test.database.pg.begin(() => test.database.pg`select 1`)).rejects.toThrow(
      /inside a transaction/,
    );
  });
});

describe.each(['frozen', 'swallowed'] as const)('a connection that is %s', (trouble) => {
  it('is given up in time, and another one serves', async () => {
    const database = connect(proxy.url, { connections: 2, statementMs: 400 });
    await Promise.all([
      database.db.execute(sql`select 1`),
      database.db.execute(sql`select 1`),
      database.pg`select 1`,
    ]);
    proxy.be(trouble, 'what is there');
    const began = performance.now();
    const failed = [
      database.db.execute(sql`select 1`),
      database.pg`select 1`,
      database.db.transaction((tx) => tx.execute(sql`select 1`)),
    ];
    const codes = await Promise.all(failed.map(codeOf));
    for (const code of codes) expect(['ETIMEDOUT', 'CONNECTION_CLOSED']).toContain(code);
    expect(performance.now() - began).toBeLessThan(4000);
    await expect
      .poll(() => codeOf(database.db.execute(sql`select 1 as one`)), { timeout: 1000 })
      .toBe('done');
    await expect.poll(() => codeOf(database.pg`select 1 as one`), { timeout: 1000 }).toBe('done');
    proxy.be('open');
  });

  it('is given up in the middle of a transaction, and of a long answer', async () => {
    const database = connect(proxy.url, { connections: 2, statementMs: 400 });
    const ended = database.db.transaction(async (tx) => {
      await tx.execute(sql`select 1`);
      proxy.be(trouble, 'what is there');
      await tx.execute(sql`select 2`);
    });
    expect(isDatabaseAway(await ended.catch((error) => error))).toBe(true);
    proxy.be('open');
    await database.pg`select 1`;
    proxy.be(trouble, 'what is there', 20_000);
    const cut = await database.pg`select repeat('x', 1000) from generate_series(1, 1000)`.catch(
      (error) => error,
    );
    expect(isDatabaseAway(cut)).toBe(true);
    proxy.be('open');
    await expect.poll(() => codeOf(database.pg`select 1`), { timeout: 1000 }).toBe('done');
  });

  it('has the idle ones of other pools given up too', async () => {
    const [one, other] = [
      connect(proxy.url, { connections: 1, statementMs: 400 }),
      connect(proxy.url, { connections: 2, statementMs: 20_000 }),
    ];
    await Promise.all([one.pg`select 1`, other.pg`select 1`, other.db.execute(sql`select 1`)]);
    proxy.be(trouble, 'what is there');
    await codeOf(one.pg`select 1`);
    const began = performance.now();
    expect(await other.pg`select 1 as one`).toEqual([{ one: 1 }]);
    expect(await other.db.execute(sql`select 1 as one`)).toEqual([{ one: 1 }]);
    expect(performance.now() - began).toBeLessThan(5000);
    proxy.be('open');
  });

  it('loses no listener', async () => {
    const database = connect(proxy.url, { connections: 1, statementMs: 400 });
    const heard: string[] = [];
    await database.listen('limits', (text) => text && heard.push(text));
    proxy.be(trouble, 'what is there');
    await codeOf(database.pg`select 1`);
    proxy.be('open');
    await expect
      .poll(async () => {
        await test.database.pg`select pg_notify('limits', 'again')`;
        return heard.length;
      })
      .toBeGreaterThan(0);
  });
});

it('where connections are dead, gives up after 10 s what is under way on those of other pools, and leaves alone what is slow', async () => {
  const [one, other] = [
    connect(proxy.url, { connections: 1, statementMs: 400 }),
    connect(proxy.url, { connections: 1, statementMs: 60_000 }),
  ];
  await Promise.all([one.pg`select 1`, other.pg`select 1`]);
  proxy.be('swallowed', 'what is there');
  const began = performance.now();
  const [dead, underWay] = [codeOf(one.pg`select 1`), codeOf(other.pg`select 2`)];
  const slow = codeOf(other.db.execute(sql`select pg_sleep(11)`));
  expect(await Promise.all([dead, underWay])).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await slow).toBe('done');
  proxy.be('open');
});

it('where connections are dead, a process finds it by itself, and gives up after 10 s what is under way', async () => {
  const started = new ShutdownStack();
  open.push({ close: () => started.stop() });
  const config = readConfig({ DATABASE_URL: proxy.url, KNOCKON_SECRET: 'x'.repeat(32) });
  askPostgres({ config, log: createLog('test', 'silent'), started });
  const patient = connect(proxy.url, { connections: 1, statementMs: 60_000 });
  const boss = createBoss({ url: proxy.url, name: 'boss', log: { warn() {} } });
  await boss.start();
  open.push({ close: () => boss.stop({ graceful: false }) });
  const asked = () => boss.getDb().executeSql('select 1');
  await Promise.all([patient.pg`select 1`, asked()]);
  proxy.be('swallowed', 'what is there');
  const began = performance.now();
  const underWay = [codeOf(patient.pg`select 2`), codeOf(asked())];
  expect(await Promise.all(underWay)).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
  expect(performance.now() - began).toBeLessThan(15_000);
  proxy.be('open');
});

it('a connection of pg-boss that breaks off in its first statement ends no process', async () => {
  const { hostname, port } = new URL(test.url);
  const server = createServer((near) => {
    const far = dial(Number(port), hostname);
    near.on('data', (chunk) => {
      if (chunk.includes('tcp_keepalives_idle')) near.resetAndDestroy();
      else far.write(chunk);
    });
    far.pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => far.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(test.url);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const boss = createBoss({ url: url.href, name: 'boss', log: { warn() {} } });
  await expect(boss.start()).rejects.toThrow();
  await boss.stop({ graceful: false }).catch(() => {});
  server.close();
});

/** For sessions that begin from now on. */
const readOnly = (on: boolean) =>
  test.database.pg.unsafe(
    `alter database ${new URL(test.url).pathname.slice(1)}
     set default_transaction_read_only = ${on ? 'on' : 'off'}`,
  );

it('a server that does not answer is named by its host and port', async () => {
  const server = createServer(() => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const database = connect(`postgres://u:p@127.0.0.1:${port}/k`, { waitMs: 10_000 });
  const error = await database.pg`select 1`.catch((failure: unknown) => failure);
  server.close();
  expect(databaseTrouble(error)?.problem).toBe(
    `Postgres at 127.0.0.1:${port} did not answer in time`,
  );
});

it('goes on by new connections once a database takes writes again', async () => {
  await test.database.pg`create table written (n int)`;
  await readOnly(true);
  const database = connect(test.url, { connections: 2 });
  const write = () => codeOf(database.db.execute(sql`insert into written values (1)`));
  const writeRaw = () => codeOf(database.pg`insert into written values (1)`);
  expect([await write(), await writeRaw()]).toEqual(['25006', '25006']);
  await readOnly(false);
  await expect.poll(write).toBe('done');
  await expect.poll(writeRaw).toBe('done');
});

it('a process is not ready while its database takes no writes, and says so', async () => {
  const started = new ShutdownStack();
  open.push({ close: () => started.stop() });
  const config = readConfig({ DATABASE_URL: test.url, KNOCKON_SECRET: 'x'.repeat(32) });
  await readOnly(true);
  const health = await startHealth({ config, log: createLog('test', 'silent'), started });
  health.is('started');
  expect(await health.readiness()).toEqual({
    ok: false,
    detail: { database: 'failed', problem: expect.stringContaining('takes no writes') },
  });
  await readOnly(false);
  await expect.poll(() => health.readiness()).toEqual({ ok: true, detail: { database: 'ok' } });
});

it('speaks TLS where the URL asks for it, and goes on in the clear where it only prefers it', async () => {
  expect(await codeOf(connect(`${test.url}?sslmode=require`, {}).pg`select 1`)).not.toBe('done');
  expect(await codeOf(connect(`${test.url}?sslmode=prefer`, {}).pg`select 1`)).toBe('done');
});

/** Out of the transaction's context, as another request would be. */
const withoutContext = (work: () => PromiseLike<unknown>): Promise<unknown> =>
  outer.runInAsyncScope(() => Promise.resolve(work()).catch((error: unknown) => error));
