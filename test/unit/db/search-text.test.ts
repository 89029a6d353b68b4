import { expect, it } from 'vitest';
import { searchQuery, searchText, wordsIn } from '../../../src/db/search-text.ts';

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
])('reads a search or a text of %j alone in time by its length', (unit) => {
  const text = unit.repeat(LENGTH / unit.length);
  const began = performance.now();
  searchQuery(text);
  wordsIn(text);
  searchText(text);
  expect(performance.now() - began).toBeLessThan(5_000);
});

it.each([
  ['', 0],
  ['"" or - "', 0],
  ['one', 1],
  ['one OR two or three', 3],
  ['-one "two three" node.js', 5],
  ['or-else', 2],
])('counts the words of %j', (typed, words) => {
  expect(wordsIn(typed)).toBe(words);
});
