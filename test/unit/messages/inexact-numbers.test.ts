import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inexactNumbers } from '../../../src/messages/inexact-numbers.ts';
import { processorTime } from '../../harness/processor-time.ts';

const paths = (text: string) => inexactNumbers(text).map(({ path }) => path);

describe('numbers of a JSON text', () => {
  test.each([
    ...[
      '0',
      '-0',
      '0.00',
      '0e9',
      '-0.0E-5',
      '1.0',
      '1.50',
      '1e5',
      '12E+3',
      '0.1',
      '3.141592653589793',
      '123456789012345.1000000',
    ],
    ...[
      '9007199254740991',
      '-9007199254740992',
      '100000000000000000000',
      '1e22',
      '5e-324',
      '1.7976931348623157e308',
      '1e308',
    ],
  ])('%s is kept as it is', (literal) => {
    expect(inexactNumbers(`{"a":[${literal}]}`)).toEqual([]);
    expect(inexactNumbers(literal)).toEqual([]);
  });

  test.each([
    ...[
      '9007199254740993',
      '-9007199254740993',
      '12345678901234567890',
      '123456789012345678901234567890',
      `1${'0'.repeat(400)}`,
    ],
    ...[
      '1e400',
      '-1E+400',
      '1e-400',
      '4e-325',
      '3.14159265358979323846',
      '0.1000000000000000055511151231257827',
      '9007199254740992.5',
    ],
    // A double holds these, and JavaScript writes them with other digits: 1152921504606847000,
    // 1.2089258196146292e+24.
    ...['1152921504606846976', '-1208925819614629174706176'],
  ])('%s would become another one', (literal) => {
    expect(inexactNumbers(`{"a":[${literal}]}`)).toEqual([{ path: 'a.0', literal }]);
  });

  test('that a program has written are kept, whatever they are', () => {
    const isKept = (text: string) => inexactNumbers(text).length === 0;
    fc.assert(fc.property(fc.json(), isKept));
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => isKept(`[${n}]`)),
    );
  });

  test('beyond 2^53 are found where JavaScript would write other digits', () => {
    // From 10^21 on JavaScript writes an exponent, which says how many zeros it takes the rest for.
    const written = (n: bigint) => {
      const [, whole = '', fraction = '', exponent = '0'] =
        /^(-?\d+)(?:\.(\d+))?(?:e\+(\d+))?$/.exec(String(Number(n))) ?? [];
      return whole + fraction.padEnd(Number(exponent), '0');
    };
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
        return (inexactNumbers(`[${n}]`).length === 0) === (written(n) === String(n));
      }),
      {
        numRuns: 2000,
        examples: [[2n ** 80n], [-(2n ** 80n)], [2n ** 60n], [10n ** 24n], [123n * 10n ** 21n]],
      },
    );
  });

  test('are named by their place, through keys that are like them and strings that hold what JSON is made of', () => {
    const big = '9007199254740993';
    expect(
      paths(`{"a":{"b\\"}":[1,{"${big}":${big}},"${big}, [{"]},"c":${big},"d":"\\\\"}`),
    ).toEqual([`a.b"}.1.${big}`, 'c']);
    expect(paths(`[[],{},[[${big}]], ${big}]`)).toEqual(['2.0.0', '3']);
  });

  test.each([
    ['zeros between two digits', `[1${'0'.repeat(250_000)}1]`, 1],
    ['zeros before a digit', `[0.${'0'.repeat(250_000)}1]`, 1],
    ['a string without an end', `["${'\\"'.repeat(125_000)}9e9`, 0],
    ['many strings', `[${Array(30_000).fill('"9e9"').join(',')}]`, 0],
    [
      'deep lists under a long key',
      `{"${'k'.repeat(200_000)}":[${Array(2000).fill('9007199254740993').join(',')}]}`,
      100,
    ],
  ])('are found in time that grows with the text and no faster: %s', (_, text, found) => {
    const { result, ms } = processorTime(() => inexactNumbers(text));
    expect(result).toHaveLength(found);
    // Quadratic it would be minutes.
    expect(ms).toBeLessThan(3000);
  });

  test('are none in what is no JSON', () => {
    for (const text of [
      '{"a":9007199254740993',
      '{"\\x":9007199254740993}',
      '00009007199254740993',
      '-',
      '1e',
    ])
      expect(paths(text)).toEqual([]);
  });
});
