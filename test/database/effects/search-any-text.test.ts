import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isEnglish, stemOf } from '../../../src/text/search/english-stem.ts';
import { documentOf, tsQueriesOf } from '../../../src/text/search/postgres.ts';
import { readQuery } from '../../../src/text/search/query.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

let fresh: TestDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

const LENGTH = 40_000;
/** Characters that Postgres can store. */
const storable = fc
  .nat(0x10ffff)
  .filter((code) => code !== 0 && (code < 0xd800 || code > 0xdfff))
  .map((code) => String.fromCodePoint(code));

async function fits(text: string, typed: string): Promise<boolean> {
  const { matching } = tsQueriesOf(readQuery(typed));
  const [row] = await fresh.database.pg<{ fits: boolean }[]>`
    select ${documentOf({ text, author: 'ada' })}::tsvector @@ ${matching ?? ''}::tsquery as fits`;
  return row!.fits;
}

test('Postgres takes documents and searches of every character', async () => {
  const { pg } = fresh.database;
  for (let first = 1; first < 0x110000; first += 0x1000) {
    const letters = Array.from({ length: 0x1000 }, (_, i) => first + i)
      .filter((code) => code < 0x110000 && (code < 0xd800 || code > 0xdfff))
      .map((code) => String.fromCodePoint(code));
    const text = [letters.join(''), letters.join(' '), letters.join("'a ")].join(' ');
    const document = documentOf({ text: text.slice(0, LENGTH), author: text.slice(0, 255) });
    const { matching } = tsQueriesOf(readQuery(letters.slice(0, 400).join('')));
    await pg`select ${document}::tsvector @@ ${matching ?? ''}::tsquery`;
  }
}, 120_000);

test('whatever stands in a text is found', async () => {
  const word = fc.array(storable, { minLength: 1, maxLength: 5 }).map((some) => some.join(''));
  const text = fc.array(
    fc.oneof(word, fc.constantFrom('環境を', 'ภาษา', '서버를', 'Léon', '👍🏽')),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  await fc.assert(
    fc.asyncProperty(text, async (words) => {
      for (const one of words)
        if (readQuery(`"${one.replaceAll('"', '')}"`).words > 0)
          expect(await fits(words.join(' '), `"${one.replaceAll('"', '')}"`), one).toBe(true);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test.each([
  ['北京', '北京'],
  ['環境を準備', '開発環境を準備しました'],
  ['roll back', 'roll back'],
])('the phrase %j is found at the end of the longest text', async (phrase, end) => {
  const filler = '服务器 word '.repeat(LENGTH).slice(0, LENGTH - end.length - 1);
  expect(await fits(`${filler} ${end}`, `"${phrase}"`)).toBe(true);
  expect(await fits(filler, `"${phrase}"`)).toBe(false);
});

const WORDS =
  'deploys deployed deploying deployment running runs universities university generously ' +
  'happily hopping hoped agreed feed flies dies skies sky news relational conditional rationalize ' +
  'electricity hopefulness formality sensibilities callousness probate controlling rolled bowed ' +
  'yielded enjoying employers crying says communism arsenal inning proceeds exceedingly dying ' +
  'gas this kiwis gaps sing bled hoping tanned fizzed failing filed argument additionally oscillators';

test('stems are those of Postgres', async () => {
  const words = WORDS.split(' ').filter(isEnglish);
  const rows = await fresh.database.pg<{ word: string; stem: string | null }[]>`
    select word, (ts_lexize('english_stem', word))[1] as stem from unnest(${words}::text[]) word`;
  const known = rows.filter(({ stem }) => stem !== null);
  expect(known.map(({ word }) => [word, stemOf(word)])).toEqual(
    known.map(({ word, stem }) => [word, stem]),
  );
});
