import type { Sql } from 'postgres';
import { expect, it } from 'vitest';
import { takeRateSlot } from '../../../src/transport/rate-slots.ts';
import { freshDatabase } from '../../harness/database.ts';

it.each([0.5, 1, 3, 5, 10, 19, 50])(
  'of %s turns a second no second has more, the first after a rest included',
  async (perSecond) => {
    const { database, close } = await freshDatabase();
    const turns: number[] = [];
    // In a transaction time stands still: all come at the same moment.
    await database.pg.begin(async (tx) => {
      while ((turns.at(-1) ?? 0) < 2500)
        turns.push(await takeRateSlot(tx as unknown as Sql, 'queue', perSecond));
    });
    const most = Math.max(1, perSecond);
    for (const from of turns)
      expect(turns.filter((at) => at >= from && at < from + 999).length).toBeLessThanOrEqual(most);
    expect(turns[0]).toBe(0);
    expect(turns.length).toBeGreaterThan(2.3 * perSecond - 1);
    await close();
  },
);
