import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as format from '../../../src/console/format.ts';

describe('the console says', () => {
  it.each([
    [0, '0 s'],
    [0.034, '34 ms'],
    [4.21, '4.2 s'],
    [119, '119 s'],
    [720, '12 min'],
    [10_800, '3 h'],
    [172_800, '2 d'],
  ])('a span of %d s as %s', (seconds, words) => {
    expect(format.span(seconds)).toBe(words);
  });

  it.each([
    [0, '0'],
    [0.01, '<0.1'],
    [4.26, '4.3'],
    [1234.5, '1,235'],
  ])('%d a second as %s', (n, words) => {
    expect(format.rate(n)).toBe(words);
  });

  it('a part as a percentage, and something that is there never as nothing', () => {
    expect(format.percent(0)).toBe('0%');
    expect(format.percent(0.125)).toBe('13%');
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: 1, noNaN: true }), (part) => {
        expect(format.percent(part)).not.toBe('0%');
      }),
    );
  });

  it('one thing without an s, and more than a thousand with a comma', () => {
    expect(format.counted(1, 'event')).toBe('1 event');
    expect(format.counted(2000, 'event')).toBe('2,000 events');
    expect(format.counted(0, 'entry', 'entries')).toBe('0 entries');
  });

  it('how long ago something was, and how long it will take', () => {
    const now = Date.UTC(2024, 0, 15, 12);
    const at = (seconds: number) => new Date(now + seconds * 1000).toISOString();
    expect(format.ago(at(-1), now)).toBe('now');
    expect(format.ago(at(-90), now)).toBe('90 s ago');
    expect(format.ago(at(7200), now)).toBe('in 2 h');
  });

  it('so much of an id that its end is there', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(format.short(id)).toBe(`…${id.slice(-12)}`);
      }),
    );
    expect(format.short('search')).toBe('search');
  });

  it('which events are wanted', () => {
    expect(format.wanted(['*'])).toBe('every event');
    expect(format.wanted(['a.b', 'c.d'])).toBe('a.b, c.d');
  });
});
