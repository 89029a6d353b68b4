import fc from 'fast-check';
import { expect, test } from 'vitest';
import { highlight } from '../../../../src/text/search/highlight.ts';
import { documentOf, tsQueriesOf } from '../../../../src/text/search/postgres.ts';
import { readQuery } from '../../../../src/text/search/query.ts';
import { eachToken } from '../../../../src/text/search/tokens.ts';
import { processorTime } from '../../../harness/processor-time.ts';

const LENGTH = 40_000;
const BLOCK = 1024;

/** Planes that have scripts, and where each of the others begins: Han, private use, or nothing. */
const scripts = 0x20000;
const isLookedAt = (code: number) => code < scripts || code % 0x10000 < BLOCK;

/** Each so many characters of Unicode, halves of surrogate pairs among them. */
const blocks = Array.from({ length: 0x110000 / BLOCK }, (_, block) => block * BLOCK)
  .filter(isLookedAt)
  .map((first) => Array.from({ length: BLOCK }, (_, i) => String.fromCodePoint(first + i)));

const special = [
  ...[
    '\u0301',
    '\u202e',
    '\u2066',
    '\u200b',
    '\u200d',
    '\ufe0f',
    '\ud800',
    '\udc00',
    '\u0003',
    '\u001b[',
  ],
  ...[
    "'",
    '"',
    '*',
    '-',
    '<',
    '&',
    ' ',
    '\n',
    'aB',
    '\u1100',
    '\uff9e',
    '漢',
    'ก',
    '\u0e48',
    'א',
    'ع',
  ],
];
const anyText = fc
  .array(
    fc.oneof(
      fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)),
      fc.constantFrom(...special),
      fc.constantFrom('deploy', '環境', 'Léon', 'שלום', '🍋'),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const signs: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};
const read = (html: string) =>
  html.replace(/<\/?mark>/g, '').replace(/&(?:amp|lt|gt|quot|#39);/g, (sign) => signs[sign]!);

test('words of every block of Unicode are read, in bounds of Postgres and in time', () => {
  const query = readQuery('deploy* 環境 א "é é" 🍋 -x');
  let slowest = 0;
  for (const block of blocks) {
    const text = block
      .join('')
      .repeat(LENGTH / BLOCK + 1)
      .slice(0, LENGTH);
    const { result: document, ms } = processorTime(() => {
      highlight(text, query);
      return documentOf({ text, author: text.slice(0, 255) });
    });
    slowest = Math.max(slowest, ms);
    expect(Buffer.byteLength(document)).toBeLessThan(4_000_000);
  }
  expect(slowest).toBeLessThan(3_000);
}, 300_000);

test('a text of separate words of every block fits into a document', () => {
  for (let plane = 0; plane < 0x110000; plane += plane < scripts ? 0x2000 : 0x10000) {
    const words = Array.from({ length: LENGTH / 4 }, (_, i) =>
      String.fromCodePoint(plane + (i % 0x2000), 0x41 + (i % 26), 0x61 + (i % 25)),
    );
    const document = documentOf({ text: words.join(' '), author: 'ada' });
    const bytes = [...document.matchAll(/'((?:[^']|'')*)':([\dC,]+)/g)].reduce(
      (sum, [, lexeme = '', places = '']) =>
        sum + Buffer.byteLength(lexeme) + 4 + 2 * places.split(',').length,
      0,
    );
    expect(bytes).toBeLessThan(1024 * 1024);
  }
}, 60_000);

test('every word is where the text has it', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      eachToken(text, (lexeme, position, start, end, head) => {
        expect([lexeme === '', position < 1, start < 0, end > text.length]).not.toContain(true);
        expect([head <= start, end < head]).not.toContain(true);
        expect(Buffer.byteLength(lexeme)).toBeLessThan(2046);
      });
    }),
    { numRuns: 100 },
  );
});

test('a highlight of a short text is that text, without a character lost or added', () => {
  fc.assert(
    fc.property(anyText, anyText, (text, typed) => {
      const short = text.slice(0, 240);
      expect(read(highlight(short, readQuery(typed)))).toBe(short);
    }),
    { numRuns: 150 },
  );
});

test('a highlight of a long text has parts of that text alone, and says where it is cut', () => {
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 12, maxLength: 30 }), (texts) => {
      const text = texts.join(' ').replaceAll('…', '');
      const html = highlight(text, readQuery('deploy 環境 leon שלום 🍋'));
      for (const part of read(html).split(/ ?… ?/)) expect(text).toContain(part);
      if (read(html) !== text) expect(html).toContain('…');
    }),
    { numRuns: 70 },
  );
});

test('every search is read, and every word of it that has an effect is in what Postgres is asked', () => {
  fc.assert(
    fc.property(anyText, (typed) => {
      const query = readQuery(typed);
      const { matching } = tsQueriesOf(query);
      expect(matching === null).toBe(
        query.branches.length === 0 &&
          query.filters.from.length + query.filters.notFrom.length === 0,
      );
    }),
    { numRuns: 150 },
  );
});
