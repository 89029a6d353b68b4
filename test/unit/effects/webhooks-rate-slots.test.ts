import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenDelivery } from '../../../src/activities/webhooks/delivery/deliveries.ts';
import { takeRateSlots } from '../../../src/activities/webhooks/limits/rate-limit.ts';
import type { Database } from '../../../src/db/client.ts';

const delivery = (due_in_ms: number | null, n: number) =>
  ({ id: `d${n}`, endpoint_id: 'e', due_in_ms }) as OpenDelivery;

/** What the endpoint's row answers, in place of Postgres; undefined: it has no limit any more. */
interface Row {
  given: number;
  first_ms: number;
  promised_ms: number;
  gap_ms: number;
}

function slotsFor(waits: (number | null)[], row: Row | undefined) {
  const db = { execute: async () => [row] } as unknown as Database['db'];
  return takeRateSlots(db, waits.map(delivery));
}

const waits = fc.array(fc.option(fc.integer({ min: -60_000, max: 60_000 })), { maxLength: 30 });
const row = fc.record({
  given: fc.nat({ max: 30 }),
  first_ms: fc.integer({ min: -2000, max: 2000 }),
  promised_ms: fc.integer({ min: 0, max: 10_000 }),
  gap_ms: fc.integer({ min: 1, max: 1000 }),
});

describe('the slots of an endpoint with a limit', () => {
  it('are one for each delivery, never in the past, and as many now as there is room for', async () => {
    await fc.assert(
      fc.asyncProperty(waits, row, async (all, found) => {
        const slots = await slotsFor(all, found);
        expect(slots.map((slot) => slot.delivery.id).sort()).toEqual(
          all.map((_, n) => `d${n}`).sort(),
        );
        expect(slots.filter(({ inMs }) => inMs < 0)).toEqual([]);
        const asking = all.filter((ms) => ms === null || ms <= 2000).length;
        expect(slots.filter(({ given }) => given)).toHaveLength(Math.min(asking, found.given));
      }),
    );
  });

  it('go to those first that have waited longest, and to the fresh ones last', async () => {
    const found = { given: 3, first_ms: 0, promised_ms: 5000, gap_ms: 100 };
    const slots = await slotsFor([null, -10, -500, 3000, null], found);
    expect(slots.map(({ delivery: { id }, inMs, given }) => [id, inMs, given])).toEqual([
      ['d2', 0, true],
      ['d1', 100, true],
      ['d0', 200, true],
      ['d4', 5000, false],
      ['d3', 3000, false],
    ]);
  });

  it('are all now where the limit was taken away meanwhile', async () => {
    const slots = await slotsFor([null, -10], undefined);
    expect(slots.map(({ inMs, given }) => [inMs, given])).toEqual([
      [0, true],
      [0, true],
    ]);
  });
});
