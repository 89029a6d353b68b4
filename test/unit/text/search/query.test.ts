import { expect, it } from 'vitest';
import { documentOf } from '../../../../src/text/search/postgres.ts';
import { readQuery } from '../../../../src/text/search/query.ts';
import { processorTime } from '../../../harness/processor-time.ts';

const LENGTH = 400_000;

// What takes time by the square of its length would take minutes.
it.each([
  '"',
  '-"',
  '-',
  '- "',
  'a"',
  '" ',
  'or ',
  'a or ',
  '-or',
  'aB',
  'ABc',
  'é',
  '\u0301',
  '字',
  '😀',
  ' ',
  '\n',
  '_',
  'a_',
  "'",
  "'a ",
  " 'a'a",
  '‘ ',
  '‚a’a ',
  "-'a ",
  'v1.',
  'a1.1b',
  'v1 ',
])('reads a search or a text of %j alone in time by its length', (unit) => {
  const text = unit.repeat(LENGTH / unit.length);
  const { ms } = processorTime(() => [readQuery(text), documentOf({ text, author: 'ada' })]);
  expect(ms).toBeLessThan(5_000);
});

it.each([
  ['', 0],
  ['"" or - "', 0],
  ['one', 1],
  ['one OR two or three', 3],
  ['-one "two three" node.js', 5],
  ['or-else', 2],
])('counts the words of %j', (typed, words) => {
  expect(readQuery(typed).words).toBe(words);
});

it.each([
  ['-coupon', true],
  ['-coupon_code', true],
  ['-"coupon code"', true],
  ['-не', true],
  ['-京', true],
  ['-🍋', true],
  ['-from:ada', true],
  ['-été', true],
  ['-e-mail', true],
  ['-"rf"', true],
  ['-ср', true],
  ['--force', false],
  ['-rf', false],
  ['-la', false],
  ['-v', false],
  ['-9', false],
  ['-v,', false],
  ['-x', false],
  ['-1', false],
  ['-12.5', false],
  ['-Xmx512m', false],
  ['-XX:+UseG1GC', false],
  ['-DskipTests', false],
  ['-Dkey=value', false],
  ['-p8080:80', false],
  ['−minus', false],
  ['a-coupon', false],
])('whether %j excludes is %j', (typed, isExcluded) => {
  const { branches, filters } = readQuery(`deploy ${typed}`);
  const excluded = branches.flat().some((term) => term.isExcluded);
  expect(excluded || filters.notFrom.length > 0).toBe(isExcluded);
});

it.each([
  ['"roll back"', 2],
  ['“roll back”', 2],
  ['„roll back“', 2],
  ['”roll back”', 2],
  ['«roll back»', 2],
  ['»roll back«', 2],
  ['‹roll back›', 2],
  ['＂roll back＂', 2],
  ['「roll back」', 2],
  ['『roll back』', 2],
  ['《roll back》', 2],
  ['"roll back', 2],
  ['“roll back"', 2],
  ['‘roll back’', 2],
  ["'roll back'", 2],
  ['‚roll back‘', 2],
  ['‚roll back’', 2],
  ['’roll back’', 2],
  ['＇roll back＇', 2],
  ["'don't roll back'", 4],
  ['‘don’t roll back’', 4],
  ['‚geht’s zurück‘', 3],
  ['〝roll back〟', 2],
  ['〝roll back〞', 2],
  ['〈roll back〉', 2],
  ['｢roll back｣', 2],
  ['﹁roll back﹂', 2],
  ['›roll back‹', 2],
  ['-‘roll back’', 2],
  ["from:ada 'roll back'", 2],
])('%s is a phrase', (typed, words) => {
  const { branches } = readQuery(typed);
  expect(branches.flat().map(({ sequences }) => sequences[0]?.length)).toEqual([words]);
});

it.each([
  ["don't roll back", 3],
  ["rock 'n' roll", 3],
  ["rock 'n roll", 3],
  ["'tis the boys room", 4],
  ["'tis rock 'n' roll", 4],
  ['‘tis rock ’n’ roll', 4],
  ["the boys' and girls' room", 5],
  ["'roll back", 2],
  ["roll'back it'", 2],
  ["5' 10'", 2],
])('in %s an apostrophe opens no phrase', (typed, terms) => {
  expect(readQuery(typed).branches.flat()).toHaveLength(terms);
});

it('reads a filter in quotes of any kind', () => {
  for (const typed of ["from:'Ada Lovelace'", 'from:‘Ada Lovelace’', 'from:〝Ada Lovelace〟'])
    expect(readQuery(typed).filters.from).toEqual(['@ada lovelace']);
});

it.each([
  ['deploy -> !!! done', ['->', '!!!']],
  [
    'before:soon after:2024-13 after:2024-02-30 deploy',
    ['before:soon', 'after:2024-13', 'after:2024-02-30'],
  ],
  ['or deploy or', ['or', 'or']],
  ['deploy "" -', ['""', '-']],
  ['what about the deploy', []],
])('tells of %j what it ignores', (typed, ignored) => {
  expect(readQuery(typed).ignored).toEqual(ignored);
});

it('reads filters apart from words', () => {
  const { filters, words } = readQuery(
    'from:@Léon -from:"Ada  Lovelace" in:#General -in:random after:2023 before:2024-02 after:2023-05-06T07:08:09Z x',
  );
  expect(words).toBe(1);
  expect(filters).toEqual({
    from: ['@leon'],
    notFrom: ['@ada lovelace'],
    in: ['General'],
    notIn: ['random'],
    since: new Date('2024-01-01T00:00:00Z'),
    until: new Date('2024-02-01T00:00:00Z'),
  });
});

it('reads filters with full-width signs, and ignores those of nobody and nowhere', () => {
  expect(readQuery('from:＠ada in:＃general x').filters).toMatchObject({
    from: ['@ada'],
    in: ['general'],
  });
  const { filters, ignored } = readQuery('from:"" in:"" x');
  expect([filters.from, filters.in]).toEqual([[], []]);
  expect(ignored).toHaveLength(2);
});

it.each([
  ['@at', 'from:at'],
  ['@at', 'from:@at'],
  ['＠at', 'from:"@At"'],
  ['at', 'from:＠at'],
  ["o'brien", 'from:o’brien'],
  ['d’Angelo', 'from:"D\'angelo"'],
  ['ʼUmar', 'from:ʼumar'],
  ['ʼUmar', "from:'umar"],
  ['ΝΊΚΟΣ', 'from:νίκος'],
  ['@', 'from:@'],
  ["'", "from:'"],
])('the author %j is found by %s', (author, typed) => {
  expect(documentOf({ text: '', author })).toBe(
    readQuery(typed).filters.from.map((lexeme) => `'${lexeme.replaceAll("'", "''")}'`)[0],
  );
});

it('reads days in the zone that is told, and moments as they are', () => {
  const read = (typed: string, zone: string) => readQuery(typed, zone).filters;
  expect(read('before:2024-01-15 after:2024-01-10', 'Asia/Tokyo')).toMatchObject({
    since: new Date('2024-01-10T15:00:00Z'),
    until: new Date('2024-01-14T15:00:00Z'),
  });
  // The clock went forward in that month.
  expect(read('after:2024-02 before:2024-04', 'America/New_York')).toMatchObject({
    since: new Date('2024-03-01T05:00:00Z'),
    until: new Date('2024-04-01T04:00:00Z'),
  });
  // Midnight was skipped on that day.
  expect(read('before:2018-11-04', 'America/Sao_Paulo').until).toEqual(
    new Date('2018-11-04T03:00:00Z'),
  );
  expect(read('before:2024-01-15T00:00:00Z', 'Asia/Tokyo').until).toEqual(
    new Date('2024-01-15T00:00:00Z'),
  );
});
