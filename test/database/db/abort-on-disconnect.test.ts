import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { isDatabaseAway } from '../../../src/db/errors.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

let test: TestDatabase;
let cut: Database;
beforeAll(async () => {
  test = await freshDatabase();
  cut = connectDatabase(test.url, { connections: 1, name: 'to be cut' });
  await test.database.pg`create table written (by text)`;
});
afterAll(async () => {
  await cut?.close();
  await test?.close();
});

const kill = async () =>
  void (await test.database
    .pg`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'to be cut'`);
const written = async () =>
  (await test.database.pg`select by from written order by by`).map((row) => row.by);
const isRefused = (error: unknown) => (isDatabaseAway(error) ? 'away' : String(error));

describe('a transaction whose connection is cut (porsager/postgres #1208, #1216)', () => {
  it('fails between two statements, and what it goes on to do reaches nobody', async () => {
    let goOn = () => {};
    const gone = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let late: Promise<unknown> | undefined;
    const whole = cut.db.transaction(async (tx) => {
      await tx.execute('select 1');
      late = gone.then(() => tx.execute("insert into written values ('late')"));
      await late;
    });
    const failed = whole.catch(isRefused);
    await expect
      .poll(
        async () =>
          (
            await test.database
              .pg`select 1 from pg_stat_activity where application_name = 'to be cut' and state = 'idle in transaction'`
          ).length,
      )
      .toBe(1);
    await kill();
    expect(await failed).toBe('away');
    await cut.db.transaction(async (tx) => {
      await tx.execute("insert into written values ('next')");
      goOn();
      expect(await late?.catch(isRefused)).toBe('away');
    });
    expect(await written()).toEqual(['next']);
  });

  it('fails under a statement, inside a savepoint too, and the connection comes back', async () => {
    const failed = cut.db
      .transaction((tx) => tx.transaction((savepoint) => savepoint.execute('select pg_sleep(60)')))
      .catch(isRefused);
    await expect
      .poll(
        async () =>
          (
            await test.database
              .pg`select 1 from pg_stat_activity where application_name = 'to be cut' and wait_event = 'PgSleep'`
          ).length,
      )
      .toBe(1);
    await kill();
    expect(await failed).toBe('away');
    await expect
      .poll(() => cut.db.transaction((tx) => tx.execute('select 1 as one')).catch(isRefused))
      .toEqual([{ one: 1 }]);
  });

  it('does not take an error of somebody else for the end of its connection', async () => {
    const failed = cut.db.transaction(async (tx) => {
      await tx.execute("insert into written values ('undone')");
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    });
    await expect(failed).rejects.toThrow('ECONNREFUSED');
    expect(await written()).not.toContain('undone');
  });
});
