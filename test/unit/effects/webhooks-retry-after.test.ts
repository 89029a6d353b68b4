import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../../src/activities/runtime/http/retry-after.ts';

const DAY = 24 * 60 * 60 * 1000;
const now = Date.UTC(2024, 0, 15, 12);

describe('Retry-After', () => {
  it('in seconds is that long, up to a day', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000 }), (seconds) => {
        const wait = seconds === 0 ? undefined : Math.min(seconds * 1000, DAY);
        expect(retryAfterMs({ retryAfter: ` ${seconds} ` }, now)).toBe(wait);
      }),
    );
  });

  it('as a date is the time until then, by the clock of the one that answers', () => {
    const whole = fc.integer({ min: -2 * 86_400, max: 2 * 86_400 });
    fc.assert(
      fc.property(whole, whole, (ahead, off) => {
        const retryAfter = new Date(now + (ahead + off) * 1000).toUTCString();
        const date = new Date(now + off * 1000).toUTCString();
        const wait = ahead > 0 ? Math.min(ahead * 1000, DAY) : undefined;
        expect(retryAfterMs({ retryAfter, date }, now)).toBe(wait);
      }),
    );
  });

  it('that is anything else asks for no wait', () => {
    const other = fc.string().filter((text) => !/^\s*\d+\s*$/.test(text));
    fc.assert(
      fc.property(other, (retryAfter) => {
        expect(retryAfterMs({ retryAfter }, now)).toBeUndefined();
      }),
    );
    expect(retryAfterMs({ retryAfter: null }, now)).toBeUndefined();
  });
});
