import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseFutureTime } from '../../../src/cli/operate/pause-resume.ts';
import { parsePastTime } from '../../../src/cli/terminal/arguments.ts';
import { EXIT } from '../../../src/cli/terminal/output.ts';
import { parseDuration } from '../../../src/text/duration.ts';

const now = Date.UTC(2024, 0, 15, 12);
const MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

beforeEach(() => vi.useFakeTimers({ now, toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

const lengths = fc.tuple(
  fc.integer({ min: 1, max: 500 }),
  fc.constantFrom(...(Object.keys(MS) as (keyof typeof MS)[])),
);
const moments = fc.date({
  min: new Date('0001-01-02'),
  max: new Date('9999-12-30'),
  noInvalidDate: true,
});

describe('a duration that is typed', () => {
  it.each([
    ['30s', 30_000],
    [' 1.5 h ', 5_400_000],
    ['.5m', 30_000],
    ['2D', 172_800_000],
  ])('%j is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['30', '0', '1e3', '-1s', 's', '3 parsecs', '1s 2m', `${'9'.repeat(120)}s`, ''])(
    'is none without a number and a unit: %j',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );
});

describe('a time in the past', () => {
  it('is read as how long ago it was', () => {
    fc.assert(
      fc.property(lengths, ([n, unit]) => {
        const at = new Date(now - n * MS[unit]).toISOString();
        expect(parsePastTime('--since', `${n}${unit}`)).toBe(at);
      }),
    );
  });

  it('is read as a moment, or as a day in UTC', () => {
    fc.assert(
      fc.property(moments, (at) => {
        const text = at.toISOString();
        expect(parsePastTime('--since', text)).toBe(text);
        expect(parsePastTime('--since', text.slice(0, 10))).toBe(
          `${text.slice(0, 10)}T00:00:00.000Z`,
        );
      }),
    );
    expect(parsePastTime('--since', '2024-01-15T13:00:00+01:00')).toBe('2024-01-15T12:00:00.000Z');
  });

  it.each([
    ...['yesterday', '2024-01-15T12:00:00', '2024-13-01', '15.1.2024', '3 parsecs', '', '7'],
    ...['9999999y', '2024-02-30', '2023-02-29T12:00:00Z', '0000-01-01'],
  ])('is refused where it is %j, and the option is named', (text) => {
    expect(() => parsePastTime('--since', text)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`--since ${JSON.stringify(text)} must be`),
        exitCode: EXIT.usage,
      }),
    );
  });
});

describe('a time to come', () => {
  it('is read as how long from now', () => {
    fc.assert(
      fc.property(lengths, ([n, unit]) => {
        expect(parseFutureTime(`${n}${unit}`)).toBe(new Date(now + n * MS[unit]).toISOString());
      }),
    );
  });

  it('is read as a moment with its offset', () => {
    fc.assert(
      fc.property(moments, (at) => {
        expect(parseFutureTime(at.toISOString())).toBe(at.toISOString());
      }),
    );
  });

  it('must have a unit', () => {
    expect(() => parseFutureTime(' 30 ')).toThrow(
      '30 what? It must have a unit, such as 30m or 30h',
    );
  });

  it.each([
    ...['tomorrow', '2024-01-15', '2024-01-15T12:00:00', '30 parsecs', ''],
    ...['9999999y', '9000y', '2024-02-30T12:00:00Z'],
  ])('is refused where it is %j', (text) => {
    expect(() => parseFutureTime(text)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`--until ${JSON.stringify(text)} must be`),
        exitCode: EXIT.usage,
      }),
    );
  });
});
