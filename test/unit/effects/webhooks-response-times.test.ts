import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseTimes, SLOW_MS } from '../../../src/activities/webhooks/limits/response-times.ts';

describe('the speed of an endpoint', () => {
  it('is unknown until it has answered', () => {
    const responses = new ResponseTimes();
    expect(responses.speed).toBe('unknown');
    responses.noteEnd(10);
    expect(responses.speed).toBe('fast');
  });

  it('is slow after one slow answer, until four fast ones have made up for it', () => {
    const responses = new ResponseTimes();
    responses.noteSlow();
    responses.noteEnd(SLOW_MS + 1);
    for (let fast = 0; fast < 3; fast += 1) {
      responses.noteEnd(10);
      expect(responses.speed).toBe('slow');
    }
    responses.noteEnd(10);
    expect(responses.speed).toBe('fast');
  });

  it('is fast again after forty fast answers, however slow it was', () => {
    fc.assert(
      fc.property(fc.nat({ max: 500 }), (slow) => {
        const responses = new ResponseTimes();
        for (let n = 0; n < slow; n += 1) responses.noteSlow();
        for (let n = 0; n < 40; n += 1) responses.noteEnd(10);
        expect(responses.speed).toBe('fast');
      }),
    );
  });

  it('takes for usual what lies between the fastest and the slowest answer', () => {
    const answers = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1 });
    fc.assert(
      fc.property(answers, (all) => {
        const responses = new ResponseTimes();
        for (const ms of all) responses.noteEnd(ms);
        expect(responses.usualMs).toBeGreaterThanOrEqual(Math.min(...all) - 1e-6);
        expect(responses.usualMs).toBeLessThanOrEqual(Math.max(...all) + 1e-6);
      }),
    );
  });
});
