import type { PgBoss } from 'pg-boss';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostsOf, withHost } from '../../../src/database-url.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { isDatabaseAway } from '../../../src/db/errors.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { openClient } from '../../../src/db/open.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { createBoss } from '../../../src/transport/pg-boss/boss.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { startProxy } from '../../harness/proxy.ts';

const KNOCKON_SECRET = 'x'.repeat(32);
/** Nobody listens there. */
const DEAD = '127.0.0.1:1';

describe("a database's URL", () => {
  const read = (DATABASE_URL: string) => readConfig({ DATABASE_URL, KNOCKON_SECRET }).DATABASE_URL;

  test.each([
    'postgres://u:p@one:5432,two:5433/db?target_session_attrs=read-write',
    'postgresql://u:p%40x,y@one,two,three:5433/db',
    'postgres://[::1]:5432,[::2]/db',
    'postgres:///db',
  ])('may be %s', (url) => expect(read(url)).toBe(url));

  test.each([
    'postgres://u:s3cret@one:5432,/db',
    'postgres://u:s3cret@one:port,two/db',
    'mysql://u:s3cret@one/db',
    'one,two',
  ])('may not be %s, and its password is not told', (url) => {
    expect(() => read(url)).toThrow("DATABASE_URL is set to something it can't use");
    expect(() => read(url)).not.toThrow('s3cret');
  });

  test('names hosts, each with a port of its own', () => {
    const url = 'postgres://u:p,w@one:5433,[::1],two:5434/db?a=b,c';
    const hosts = [
      { name: 'one', port: 5433 },
      { name: '::1', port: 5432 },
      { name: 'two', port: 5434 },
    ];
    expect(hostsOf(url)).toEqual(hosts);
    expect(withHost(url, hosts[1]!)).toBe('postgres://u:p,w@[::1]:5432/db?a=b,c');
  });
});

describe('where the first of two hosts is dead', () => {
  let own: TestDatabase;
  let url: string;
  const opened: { close(): Promise<unknown> }[] = [];
  const pools = (to = url): Database => {
    const database = connectDatabase(to, { connections: 2 });
    opened.push(database);
    return database;
  };
  beforeAll(async () => {
    own = await freshDatabase();
    url = own.url.replace(/@([^/]+)/, `@${DEAD},$1`);
  });
  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await own.close();
  });

  test('the other one is used: by pools, for listening, for migrations, by a single client and by pg-boss', async () => {
    const database = pools();
    expect(await database.pg`select 1 as one`).toEqual([{ one: 1 }]);
    const heard: string[] = [];
    await database.pg.listen('hosts', (said) => heard.push(said));
    await database.pg.notify('hosts', 'hello');
    await expect.poll(() => heard).toEqual(['hello']);
    await migrate(url);
    const { client } = openClient(url, { max: 1 });
    expect(await client`select 2 as two`).toEqual([{ two: 2 }]);
    await client.end();
    const boss: PgBoss = createBoss({ url, name: 'test', log: pino({ level: 'silent' }) });
    await boss.start();
    await boss.createQueue('hosts');
    expect(await boss.send('hosts', {})).toEqual(expect.any(String));
    await boss.stop({ graceful: false });
  });

  test('and then the other too, it is told at once', async () => {
    const database = pools(url.replace(/@[^/]+/, `@${DEAD},127.0.0.1:2`));
    const error = await database.pg`select 1`.catch((e: unknown) => e);
    expect([isDatabaseAway(error), String(error)]).toEqual([
      true,
      expect.stringContaining('ECONNREFUSED'),
    ]);
  });

  test('and none is as target_session_attrs asks, it is told', async () => {
    const database = pools(
      `${url.replace(/@([^/]+)/, `@$1,${hostsOf(own.url).map(({ name, port }) => `${name}:${port}`)}`)}?target_session_attrs=standby`,
    );
    const error = await database.pg`select 1`.catch((e: unknown) => e);
    expect([isDatabaseAway(error), String(error)]).toEqual([
      true,
      expect.stringContaining('target_session_attrs=standby'),
    ]);
    const writing = pools(`${url}?target_session_attrs=read-write`);
    expect(await writing.pg`select 1 as one`).toEqual([{ one: 1 }]);
  });
});

test('a host that dies is left for the other', async () => {
  const own = await freshDatabase();
  const proxy = await startProxy(own.url);
  const [host] = hostsOf(proxy.url);
  const database = connectDatabase(own.url.replace('@', `@${host!.name}:${host!.port},`), {
    connections: 1,
  });
  const asked = () =>
    database.pg`select inet_client_port() as port`.then(([row]) => row!.port as number);
  await asked();
  await proxy.stop();
  await expect
    .poll(() =>
      asked().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await database.close();
  await own.close();
});
