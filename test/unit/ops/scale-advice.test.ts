import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adviseScale } from '../../../src/ops/status/scale.ts';
import type { SubscriberStatus } from '../../../src/ops/status/subscriber-status.ts';

/** A subscriber that is busy: two workers of ten calls at once do 20 events a second. */
const subscriber = (rest: Partial<SubscriberStatus> = {}) =>
  ({
    name: 'search',
    state: 'active',
    backlog: 6000,
    waiting: 0,
    rate: 20,
    workers: 2,
    processes: [{ concurrency: 10 }, { concurrency: 10 }],
    per_second: null,
    retired: null,
    ...rest,
  }) as SubscriberStatus;

describe('the advice how many workers a subscriber needs', () => {
  it('counts what arrives and what waits, by what one call at a time gets done', () => {
    // One event a second each: 10 arrive, and 6000 in 60 s are 100 a second more.
    expect(adviseScale(subscriber(), 10, 60)).toMatchObject({
      concurrency: 20,
      drained_in_seconds: 600,
      suggested_workers: 3,
      suggested_concurrency: 37,
      command: 'knockon worker effects --only search --concurrency 37',
    });
  });

  it('says that it is a guess where nothing was done that could be measured', () => {
    const { advice, drained_in_seconds } = adviseScale(subscriber({ rate: 0 }), 10, 60);
    expect(advice).toContain('(a guess: ');
    expect(drained_in_seconds).toBeNull();
  });

  it.each<[Partial<SubscriberStatus>, string, string | null]>([
    [{ state: 'paused' }, 'It is paused', 'knockon resume search'],
    [{ state: 'limited', per_second: 5 }, 'It is limited to 5', 'knockon limit search off'],
    [{ backlog: 0 }, 'It keeps up', null],
    [
      { workers: 0, processes: [] },
      'No worker takes its calls',
      'knockon worker effects --only search --concurrency 22',
    ],
    [{ backlog: 60 }, 'Its workers get it done within 60 s', null],
    [{ backlog: 60, rate: 0 }, 'Its workers have done nothing in the last minute', null],
  ])('of %j begins with %j', (rest, beginning, command) => {
    const advice = adviseScale(subscriber(rest), 10, 60);
    expect(advice.advice).toMatch(new RegExp(`^${beginning}`));
    expect(advice.command).toBe(command);
  });

  it('is enough, never less than one, and never more calls at once than a process should make', () => {
    const load = fc.record({
      backlog: fc.integer({ min: 1, max: 10 ** 7 }),
      rate: fc.double({ min: 0.1, max: 10_000, noNaN: true }),
    });
    const arrivals = fc.double({ min: 0, max: 10_000, noNaN: true });
    const target = fc.integer({ min: 1, max: 86_400 });
    fc.assert(
      fc.property(load, arrivals, target, (busy, arriving, seconds) => {
        const advice = adviseScale(subscriber(busy), arriving, seconds);
        const calls = advice.suggested_workers * advice.suggested_concurrency;
        const needed = ((arriving + busy.backlog / seconds) * 20) / busy.rate;
        expect(calls).toBeGreaterThanOrEqual(Math.floor(needed));
        expect(advice.suggested_workers).toBeGreaterThanOrEqual(1);
        expect(advice.suggested_concurrency).toBeLessThanOrEqual(50);
      }),
    );
  });
});
