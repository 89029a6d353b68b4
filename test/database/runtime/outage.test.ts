import { afterAll, beforeAll, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { FencedOffError, LocksAwayError } from '../../../src/activities/runtime/locks/lock.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { claim } from '../../../src/outbox/claim.ts';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
let call: EffectCall;
beforeAll(async () => {
  test = await freshDatabase();
  await subscribe(test.database, { name: 'x' });
  await aWriter(test.database).post(aMessage(await aChannel(test.database)));
  const [claimed] = await claim(test.database.pg, 500);
  call = {
    dispatch_id: claimed!.id,
    subscriber: 'x',
    events: { offset: 0, limit: 1 },
    alone: true,
  };
});
afterAll(() => test.close());

const throwing = (error: Error, timeout: '2s' | '60s' = '2s') =>
  defineEffect({
    name: 'x',
    description: '',
    on: ['*'],
    timeout,
    transact: () => Promise.reject(error),
  });

const coded = (code: string) => Object.assign(new Error('no'), { code });

it.each([
  ['the database was away', coded('ECONNREFUSED')],
  ['the locks are away', new LocksAwayError('no')],
  ['another worker was faster', new FencedOffError('no')],
])(
  'puts a call off that could not be made because %s: no try is used up, nothing is thrown',
  async (_, error) => {
    const answered = await answer(
      throwing(error),
      test.database.db,
      call,
      new AbortController().signal,
    );
    expect(answered).toMatchObject({ done: 0, open: [], put_off: expect.any(String) });
    expect(answered.put_off_ms).toBeGreaterThan(0);
    expect(answered.put_off_ms).toBeLessThanOrEqual(2000);
    expect(await test.database.pg`select from knockon.attempts`).toHaveLength(0);
  },
);

it('puts a call off that ends because its worker stops', async () => {
  const effect = throwing(new Error('aborted'));
  expect(await answer(effect, test.database.db, call, AbortSignal.abort())).toMatchObject({
    done: 0,
    open: [],
    put_off_ms: 0,
  });
});

it('holds a call while Postgres is read-only, and lets it go as soon as that is over', async () => {
  const { pg } = test.database;
  const [row] = await pg<{ name: string }[]>`select current_database() as name`;
  const readOnly = async (how: string) => {
    await pg.begin('read write', (tx) => tx.unsafe(`alter database "${row!.name}" ${how}`));
    await pg`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  };
  await readOnly('set default_transaction_read_only = on');
  let isHeld = true;
  const answered = answer(
    throwing(coded('08006'), '60s'),
    test.database.db,
    call,
    new AbortController().signal,
  ).finally(() => {
    isHeld = false;
  });
  // Longer than it takes to look whether it is over.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(isHeld).toBe(true);
  const began = performance.now();
  await readOnly('reset default_transaction_read_only');
  expect(await answered).toMatchObject({ open: [], put_off: expect.any(String) });
  expect(performance.now() - began).toBeLessThan(5000);
});
