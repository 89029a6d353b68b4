import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { search } from '../../../src/activities/search/index.ts';
import { compareMigrations, missingObjects } from '../../../src/db/migrations.ts';
import { soon, TransportTestbed } from './testbed.ts';

// Before anything of ours is loaded: a process has one schema.
vi.hoisted(() => {
  process.env['KNOCKON_SCHEMA'] = 'acme_events';
});

describe.each(['pg-boss', 'temporal'] as const)('with KNOCKON_SCHEMA and %s', (transport) => {
  let testbed: TransportTestbed;
  beforeAll(async () => {
    testbed = await TransportTestbed.open(transport);
  });
  afterAll(() => testbed.close());

  it('runs effects, ordered ones too, with everything in that schema', async () => {
    const seen: string[] = [];
    const ordered = defineEffect({
      name: 'ordered',
      description: 'notes what it is given',
      on: ['message.created'],
      ordering: 'key',
      async transact(_tx, events) {
        for (const { id } of events) seen.push(id);
      },
    });
    const { pg } = testbed.database;
    await testbed.host(search(), ordered);
    const ids = await testbed.post(7);
    await testbed.dispatch();
    const receipts = async () => {
      const [row] = await pg`select count(*)::int as n from knockon.receipts`;
      return row?.n;
    };
    await expect.poll(receipts, soon).toBe(14);
    expect(seen).toEqual(ids);
    const [found] = await pg`select count(*)::int as n from knockon.search_documents`;
    expect(found?.n).toBe(7);

    const schemas = await pg`
      select distinct n.nspname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^(pg_|information_schema)'`;
    expect(schemas).toEqual([{ name: 'acme_events' }]);
    expect(await missingObjects(pg)).toEqual([]);
    expect(await compareMigrations(pg)).toMatchObject({ pending: [], changed: [] });
  });
});
