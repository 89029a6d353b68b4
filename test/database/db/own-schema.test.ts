import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect, defineEffect, defineEvent, emit, z } from '../../../src/index.ts';
import { aCallTo, aWorkspace } from '../../../src/testing/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

// Before anything of ours is loaded: a process has one schema.
vi.hoisted(() => {
  process.env['KNOCKON_SCHEMA'] = 'ko';
});

const invoicePaid = defineEvent('invoice.paid', { payload: z.object({ invoice_id: z.string() }) });

const SAID = [
  'knockon',
  'knockon.events',
  "it's knockon.io",
  'support@knockon.io',
  'knockon."events"',
];

describe('with KNOCKON_SCHEMA', () => {
  let test: TestDatabase;
  let workspaceId: string;

  beforeAll(async () => {
    test = await freshDatabase();
    workspaceId = await aWorkspace(test);
    await test.database.pg`create table public.sources (name text, mail text)`;
    await test.database.pg`create table public."knockon" (id int)`;
  });
  afterAll(async () => {
    await test.close();
    // Files share the process.
    delete process.env['KNOCKON_SCHEMA'];
  });

  const calling = async (transact: Parameters<typeof defineEffect>[0]) => {
    await test.database.pg.begin((tx) =>
      emit(tx, { type: invoicePaid, workspaceId, payload: { invoice_id: '42' } }),
    );
    const call = await aCallTo(defineEffect(transact), test);
    return await call();
  };

  it('an effect’s own values, tables and comments stay as it wrote them', async () => {
    const called = await calling({
      name: 'sources',
      description: 'writes rows of its own',
      on: [invoicePaid],
      async transact(tx) {
        await tx.execute(sql`insert into public.sources (name, mail)
          values ('knockon', 'support@knockon.io')`);
        await tx.execute(sql`/* it's knockon.io */ insert into public."knockon" (id)
          values (1) -- knockon.io's`);
        await tx.execute(sql`insert into public.knockon select id + 1 from public . knockon`);
        await tx.execute(sql`insert into public.sources values
          ('it''s knockon.io', e'it\\'s knockon.io'), ($$it's knockon.io$$, $a$knockon.$$io$a$)`);
      },
    });
    expect(called).toEqual({ done: 1, open: [] });
    const { pg } = test.database;
    expect(await pg`select name, mail from public.sources`).toEqual([
      { name: 'knockon', mail: 'support@knockon.io' },
      { name: "it's knockon.io", mail: "it's knockon.io" },
      { name: "it's knockon.io", mail: 'knockon.$$io' },
    ]);
    expect(await pg`select id from public."knockon" order by id`).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('a client of `connect` keeps values, however they are sent', async () => {
    const { pg, close } = await connect({ url: test.url });
    for (const said of SAID) {
      const literal = `'${said.replaceAll("'", "''")}'`;
      expect(await pg.unsafe(`select ${literal} as said`)).toEqual([{ said }]);
      expect(await pg`select ${said}::text as said`).toEqual([{ said }]);
    }
    expect(await pg`select 'knockon.io' as said`).toEqual([{ said: 'knockon.io' }]);
    expect(await pg`select knockon.is_key('a') as own, 1 as "knockon."`).toEqual([
      { own: true, 'knockon.': 1 },
    ]);
    await close();
  });
});
