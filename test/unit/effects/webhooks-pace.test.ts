import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PaceOf, SLOW_MS } from '../../../src/activities/webhooks/pace.ts';

describe('the pace of an endpoint', () => {
  it('is unknown until it has answered', () => {
    const pace = new PaceOf();
    expect(pace.now).toBe('unknown');
    pace.took(10);
    expect(pace.now).toBe('quick');
  });

  it('is slow after one slow answer, until four quick ones have made up for it', () => {
    const pace = new PaceOf();
    pace.isSlow();
    pace.took(SLOW_MS + 1);
    for (let quick = 0; quick < 3; quick += 1) {
      pace.took(10);
      expect(pace.now).toBe('slow');
    }
    pace.took(10);
    expect(pace.now).toBe('quick');
  });

  it('is quick again after forty quick answers, however slow it was', () => {
    fc.assert(
      fc.property(fc.nat({ max: 500 }), (slow) => {
        const pace = new PaceOf();
        for (let n = 0; n < slow; n += 1) pace.isSlow();
        for (let n = 0; n < 40; n += 1) pace.took(10);
        expect(pace.now).toBe('quick');
      }),
    );
  });

  it('takes for usual what lies between the quickest and the slowest answer', () => {
    const answers = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1 });
    fc.assert(
      fc.property(answers, (all) => {
        const pace = new PaceOf();
        for (const ms of all) pace.took(ms);
        expect(pace.usualMs).toBeGreaterThanOrEqual(Math.min(...all) - 1e-6);
        expect(pace.usualMs).toBeLessThanOrEqual(Math.max(...all) + 1e-6);
      }),
    );
  });
});
