import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { TransportTestbed } from './testbed.ts';

describe.each(['temporal', 'pg-boss'] as const)("an effect's limit, on %s", (transport) => {
  let testbed: TransportTestbed;
  beforeAll(async () => {
    testbed = await TransportTestbed.open(transport);
    await testbed.database
      .pg`create table calls (effect text, at timestamptz default clock_timestamp())`;
  }, 60_000);
  afterAll(() => testbed?.close());

  const limited = (name: string, perSecond?: number) =>
    defineEffect({
      name,
      description: '',
      on: ['message.created'],
      batch: 1,
      ...(perSecond && { limit: { perSecond } }),
      transact: async (tx) =>
        void (await tx.execute(sql`insert into calls (effect) values (${name})`)),
    });

  /** Seconds from the first call to the last. */
  async function took(name: string): Promise<number> {
    const [row] = await testbed.database
      .pg`select extract(epoch from max(at) - min(at))::float8 as seconds from calls where effect = ${name}`;
    return row!.seconds;
  }

  test('holds for all its workers together, and for no other effect', async () => {
    const stops = [
      await testbed.host(limited('slow', 5), limited('free')),
      await testbed.host(limited('slow', 5)),
    ];
    const events = await testbed.post(25);
    await testbed.dispatch();
    await testbed.done('free', events);
    expect(await testbed.receipts('slow')).not.toHaveLength(25);
    await testbed.done('slow', events);
    // Evenly apart, but for what a busy machine holds up: Temporal's own limiter would let half of
    // them through at once.
    expect(await took('slow')).toBeGreaterThan(24 / 5 - 1.5);
    const [tries] = await testbed.database
      .pg`select count(*)::int as n from knockon.attempts where subscriber = 'slow'`;
    expect(tries).toEqual({ n: 0 });
    for (const stop of stops) await stop();
  }, 90_000);
});

test.each([0, -1, Number.NaN, 1e9])(
  'a limit of %s is refused where the effect is declared',
  (perSecond) => {
    expect(() =>
      defineEffect({
        name: 'x',
        description: '',
        on: ['*'],
        limit: { perSecond },
        transact: async () => {},
      }),
    ).toThrow('limit.perSecond');
  },
);
