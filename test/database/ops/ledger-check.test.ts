import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../../src/db/client.ts';
import { LedgerCheck } from '../../../src/ops/status/ledger-check.ts';
import { registerLedgerMetrics } from '../../../src/ops/status/metrics.ts';
import { readiness } from '../../../src/ops/status/readiness.ts';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { dispatchMessages, runsEverything, runsNothing, writeReceipts } from './ledger-rows.ts';

const log = pino({ level: 'silent' });
let test: TestDatabase;
beforeEach(async () => {
  test = await freshDatabase();
});
afterEach(() => test.close());

const aCheck = (running = runsNothing, everyMs = 0) =>
  new LedgerCheck({ pg: test.database.pg, running, everyMs, log });
/** A later check: its time has come, whatever time the one before took. */
async function again(check: LedgerCheck) {
  await test.database.pg`update knockon.ledger_checks set checked_at = now() - interval '1 hour'`;
  await check.run();
}
const ready = (check: LedgerCheck, maxAgeMs = 60_000) =>
  readiness(test.database, maxAgeMs, check.latest);

/** Three effects of `search` are open, one of `audit` is. */
async function halfDone() {
  const made = await dispatchMessages(test.database, 4, 'search', 'audit');
  await writeReceipts(test.database, 'search', made.events.slice(0, 1));
  await writeReceipts(test.database, 'audit', made.events.slice(0, 3));
  return made;
}

describe('the background check', () => {
  it('raises metrics by subscriber', async () => {
    await halfDone();
    const check = aCheck();
    await check.run();
    const registry = new Registry();
    registerLedgerMetrics(registry, test.database.pg, () => check.latest);
    const text = await registry.metrics();
    expect(text).toMatch(/^knockon_missing\{subscriber="search"\} 3$/m);
    expect(text).toMatch(/^knockon_missing\{subscriber="audit"\} 1$/m);
    expect(text).toMatch(/^knockon_in_flight\{subscriber="audit"\} 0$/m);
    expect(text).toMatch(/^knockon_dead_letters\{subscriber="audit"\} 0$/m);
    expect(text).toMatch(/^knockon_oldest_open_seconds\{subscriber="search"\} [\d.]+$/m);
    expect(text).toMatch(/^knockon_oldest_undispatched_seconds 0$/m);
    expect(text).toMatch(/^knockon_ledger_checked_seconds [\d.e-]+$/m);
  });

  it('is told by /readyz: at once in its detail, and as not ready once it is missing for too long', async () => {
    await halfDone();
    const check = aCheck();
    expect(await ready(check)).toMatchObject({ ok: true, detail: { ledger: null } });
    await check.run();
    const young = await ready(check);
    expect(young).toMatchObject({
      ok: true,
      detail: { ledger: { missing: 4, in_flight: 0, dead: 0 } },
    });
    expect(young.detail.problem).toMatch(/4 effects are missing/);
    await test.database.pg`update knockon.dispatches set claimed_at = now() - interval '61 s'`;
    await again(check);
    const old = await ready(check);
    expect(old).toMatchObject({ ok: false, detail: { database: 'ok' } });
    expect(old.detail.problem).toMatch(/for longer than 60 s/);
  });

  it('calls a deployment ready whose effects are only slow', async () => {
    await halfDone();
    await test.database.pg`update knockon.dispatches set claimed_at = now() - interval '1 day'`;
    const check = aCheck(runsEverything);
    await check.run();
    expect(await ready(check)).toMatchObject({
      ok: true,
      detail: { ledger: { missing: 0, in_flight: 4 } },
    });
  });

  it('is made by one of several processes, and known to all', async () => {
    await halfDone();
    let asked = 0;
    const counting = async () => {
      asked += 1;
      return new Set<string>();
    };
    const checks = Array.from({ length: 5 }, () => aCheck(counting, 60_000));
    for (const check of checks) await check.run();
    expect(asked).toBe(1);
    for (const check of checks)
      expect(check.latest?.balance).toMatchObject({ balanced: false, missing: { length: 4 } });
  });

  it('is balanced again once what was missing is done', async () => {
    const { events } = await halfDone();
    const check = aCheck();
    await check.run();
    await writeReceipts(test.database, 'search', events.slice(1));
    await writeReceipts(test.database, 'audit', events.slice(3));
    await again(check);
    expect(check.latest?.balance).toMatchObject({ balanced: true, missing: [], asked: true });
    expect(await ready(check)).toMatchObject({
      ok: true,
      detail: { ledger: { missing: 0, oldest_missing_seconds: null } },
    });
  });
});

describe('a database that is not as it must be', () => {
  it.each([
    ['not migrated', async () => emptyDatabase(), 'Run knockon migrate'],
    [
      'not there',
      async () => (await emptyDatabase()).replace(/[^/]+$/, 'nowhere'),
      'no such database',
    ],
  ])('is told by /readyz where it is %s', async (_, url, told) => {
    const database = connectDatabase(await url());
    const { ok, detail } = await readiness(database, 60_000, null);
    await database.close();
    expect([ok, detail.problem]).toEqual([false, expect.stringContaining(told)]);
  });
});
