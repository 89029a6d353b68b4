import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../../src/cli/terminal/output.ts';
import { table } from '../../../src/cli/terminal/table.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

describe('a duration', () => {
  it.each([
    [0, '0 ms'],
    [38.4, '38 ms'],
    [999, '999 ms'],
    [1000, '1.0 s'],
    [4210, '4.2 s'],
    [60_000, '1 min 0 s'],
    [185_000, '3 min 5 s'],
    [3_600_000, '1 h 0 min'],
    [90 * 60_000, '1 h 30 min'],
  ])('of %d ms is said as %s', (ms, words) => {
    expect(duration(ms)).toBe(words);
  });

  it('never has 60 seconds or minutes left over', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 9 }), (ms) => {
        const [, rest] = /(?:min|h) (\d+) (?:s|min)$/.exec(duration(ms)) ?? [];
        expect(Number(rest ?? 0)).toBeLessThan(60);
      }),
    );
  });
});

describe('a table', () => {
  const cells = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{0,12}$/), fc.nat()), { maxLength: 8 });

  it('has a line for its head and one for each row, and all columns begin at one place', () => {
    fc.assert(
      fc.property(cells, (rows) => {
        const lines = table(aTerminal(), ['name', 'count'], rows, 1).split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        const width = Math.max(...lines.map((line) => line.length));
        expect(lines.filter((line) => line.length !== width)).toEqual([]);
        for (const [i, [name, count]] of rows.entries()) {
          expect(lines[i + 1]?.startsWith(name)).toBe(true);
          expect(lines[i + 1]?.endsWith(` ${count}`)).toBe(true);
        }
      }),
    );
  });

  it('shows a dash for what is not there, and no line ends with spaces', () => {
    expect(table(aTerminal(), ['a', 'b'], [[null, undefined]])).toBe('a  b\n–  –');
    expect(table(aTerminal(), ['a', 'b'], [['long', 'x']])).toBe('a     b\nlong  x');
  });
});
