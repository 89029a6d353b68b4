import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineEffect } from '../../src/activities/runtime/effect.ts';
import { TransportBench } from './test-transport.ts';

describe.each(['temporal', 'pg-boss'] as const)("an effect's limit, on %s", (transport) => {
  let bench: TransportBench;
  beforeAll(async () => {
    bench = await TransportBench.open(transport);
    await bench.database
      .pg`create table calls (effect text, at timestamptz default clock_timestamp())`;
  }, 60_000);
  afterAll(() => bench?.close());

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
    const [row] = await bench.database
      .pg`select extract(epoch from max(at) - min(at))::float8 as seconds from calls where effect = ${name}`;
    return row!.seconds;
  }

  test('holds for all its workers together, and for no other effect', async () => {
    const stops = [
      await bench.host(limited('slow', 5), limited('free')),
      await bench.host(limited('slow', 5)),
    ];
    const events = await bench.post(25);
    await bench.dispatch();
    await bench.done('free', events);
    expect(await bench.receipts('slow')).not.toHaveLength(25);
    await bench.done('slow', events);
    // Evenly apart, but for what a busy machine holds up: Temporal's own limiter would let half of
    // them through at once.
    expect(await took('slow')).toBeGreaterThan(24 / 5 - 1.5);
    const [tries] = await bench.database
      .pg`select count(*)::int as n from attempts where subscriber = 'slow'`;
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
