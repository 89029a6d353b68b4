import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

let test: TestDatabase;
let one: Database;
beforeAll(async () => {
  test = await freshDatabase();
});
beforeEach(async () => {
  await one?.close();
  one = connectDatabase(test.url, { connections: 1 });
});
afterAll(async () => {
  await one?.close();
  await test?.close();
});

/** Of the one connection. */
const prepared = async () =>
  (await one.db.execute('select statement from pg_prepared_statements')).map((row) =>
    String(row.statement),
  );

describe('a statement that drizzle makes', () => {
  it('is prepared from the second time on, in transactions and savepoints too', async () => {
    const ask = sql`select ${1}::int + ${2}::int as sum`;
    expect(await one.db.execute(ask)).toEqual([{ sum: 3 }]);
    expect(await prepared()).toEqual([]);
    await one.db.transaction(async (tx) => {
      expect(await tx.execute(ask)).toEqual([{ sum: 3 }]);
      expect(await tx.transaction((savepoint) => savepoint.execute(ask))).toEqual([{ sum: 3 }]);
    });
    expect(await prepared()).toContain('select $1::int + $2::int as sum');
  });

  it('is planned anew five times, then its plan is kept where that promises to be as good', async () => {
    for (let i = 0; i < 10; i += 1) await one.db.execute(sql`select ${i}::int as i`);
    const [plans] = await one.db.execute(
      `select generic_plans::int, custom_plans::int from pg_prepared_statements where statement like '%as i'`,
    );
    expect(plans).toEqual({ generic_plans: 4, custom_plans: 5 });
  });

  it('is left as it is where texts vary without end', async () => {
    for (let i = 0; i < 400; i += 1)
      for (const a of [1, 2])
        expect(await one.db.execute(sql.raw(`select ${i} as i where ${a} > 0`))).toHaveLength(1);
    for (let i = 0; i < 400; i += 1)
      for (const a of [1, 2])
        expect(
          await one.db.execute(sql`select ${sql.raw(`${i}`)} as i where ${a}::int > 0`),
        ).toHaveLength(1);
    expect(await prepared()).toHaveLength(300);
  });
});
