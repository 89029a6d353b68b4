import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analytics } from '../../../src/activities/analytics/index.ts';
import { audit } from '../../../src/activities/audit/index.ts';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { markStarted } from '../../../src/outbox/claim.ts';
import { aCallTo } from '../../../src/testing/call.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import { runsEverything } from '../ops/ledger-rows.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await freshDatabase();
});
afterAll(() => test?.close());

/**
 * Columns that an index holds, or that decide whether a row is in it: to change one is to write to
 * every index of its table.
 */
async function indexedColumns(table: string): Promise<string[]> {
  const rows = await test.database.pg`
    select distinct a.attname as name from pg_index i join pg_attribute a on a.attrelid = i.indrelid
    where i.indrelid = ${`knockon.${table}`}::regclass and (a.attnum = any(i.indkey)
      or exists (select from pg_depend d where d.classid = 'pg_class'::regclass
        and d.objid = i.indexrelid and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))`;
  return rows.map(({ name }) => String(name));
}

/**
 * What is changed again and again, and where. An outbox row is changed once, and a dispatch's mark
 * twice: those move in their indexes.
 */
const often: Record<string, string[]> = {
  channels: ['last_seq', 'last_event_seq'],
  analytics_quarters: ['messages'],
  channel_authors: ['messages'],
  channel_summaries: ['messages', 'authors', 'last_message', 'last_activity_at'],
  audit_heads: ['entries', 'head'],
  cursors: ['seq'],
  attempts: ['attempts', 'last_error', 'waiting_until', 'updated_at'],
  dispatches: ['open', 'restarts', 'restarted_at'],
  settled_totals: ['events'],
  ledger_checks: ['checked_at', 'balance'],
  messages: ['text', 'metadata', 'version', 'updated_at', 'deleted_at'],
  workspace_turns: ['used_until', 'queued_until', 'call_ms'],
  notifications: ['read_at', 'emailed_at', 'email_counted_at', 'email_over_quota_at'],
};

describe('rows that are updated again and again', () => {
  it.each(Object.entries(often))('of %s change no indexed column', async (table, columns) => {
    const indexed = await indexedColumns(table);
    expect(columns.filter((column) => indexed.includes(column))).toEqual([]);
  });

  it('stay in their page while messages stream through', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const effects: Effect[] = [analytics(), audit({ key: Buffer.alloc(32, 1) })];
    for (let round = 0; round < 40; round += 1) {
      await writer.post(aMessage(where, { author: `author ${round % 3}` }));
      for (const effect of effects.slice(round % 2, (round % 2) + 1))
        await (await aCallTo(effect, test))();
      for (const { id } of await test.database
        .pg`select id from knockon.dispatches where started_at is null`) {
        await markStarted(test.database.pg, String(id), 'run');
      }
      await verifyLedger(test.database.pg, { running: runsEverything });
    }
    const nearlyAll = expect.toSatisfy((share: number) => share > 0.8);
    await expect.poll(stats).toMatchObject({
      channels: nearlyAll,
      settled_totals: nearlyAll,
      audit_heads: nearlyAll,
      analytics_quarters: nearlyAll,
    });
  });

  /** The share of updates that touched no index; statistics come late, and all at once. */
  async function stats(): Promise<Record<string, number>> {
    const tables = ['channels', 'settled_totals', 'audit_heads', 'analytics_quarters'];
    const rows = await test.database.pg`
      select relname as name, n_tup_hot_upd::float8 / nullif(n_tup_upd, 0) as share from pg_stat_user_tables where relname = any(${tables}::text[])`;
    return Object.fromEntries(rows.map(({ name, share }) => [name, share]));
  }
});
