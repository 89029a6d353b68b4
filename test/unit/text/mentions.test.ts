import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canBeMentioned, findMentions } from '../../../src/text/mentions/mentions.ts';
import { processorTime } from '../../harness/processor-time.ts';
import { everyBlock } from './unicode-blocks.ts';

/** Who is meant where nobody is known. */
const named = (text: string) =>
  findMentions(text).mentions.flatMap(({ fallback }) => fallback ?? []);
/** Who may be meant, if somebody is so called. */
const possible = (text: string) => {
  const { openings, mentions } = findMentions(text);
  return [
    ...openings.flatMap(({ readings }) => readings),
    ...mentions.flatMap(({ readings }) => readings.map(({ name }) => name)),
  ];
};

describe('@nick', () => {
  test.each([
    ['@w1zeman1p', ['w1zeman1p']],
    ['thanks @mib_q2934o!', ['mib_q2934o']],
    ['@karl: so, just to be sure', ['karl']],
    ['ask @karl, @timebox; or (@hmunoz).', ['karl', 'timebox', 'hmunoz']],
    ['is it "@karl"? .@karl cc:@tim,@tom', ['karl', 'tim', 'tom']],
    ['@|trey|, top in the list', ['|trey|']],
    ['@[wolf] @x\\y @a^b @c{d} @`e`', ['[wolf]', 'x\\y', 'a^b', 'c{d}', '`e`']],
    ['[@karl] {@tim} _@ann_', ['karl', 'tim', 'ann']],
    ['(see [@karl] and [it was @tim])', ['karl', 'tim']],
    ["@karl's and @tim’s", ['karl', 'tim']],
    ['@Żółć and @名前。', ['Żółć', '名前']],
    ['@anna.lee knows', ['anna.lee']],
    ['ask @anna. She knows', ['anna']],
    ['ask @anna...', ['anna']],
    ['thanks @anna.Will do', ['anna']],
    ['\u0002@karl\u0002 \u000304,05@tim\u0003', ['karl', 'tim']],
    ['line one\n@karl\r\n@tim', ['karl', 'tim']],
    ['@karl @karl @karl', ['karl']],
    ['@karllekko> right', ['karllekko']],
  ])('%j names %j', (text, nicks) => {
    expect([...new Set(named(text))]).toEqual(nicks);
  });

  test.each([
    'mail karl@example.com or a.b+c@example.co.uk',
    'karl_@example.com, karl-@example.com',
    '[n=karl@host-1.example.com] has joined',
    'me@laptop:~$ ls',
    'https://example.com/@karl https://example.com/?by=@karl http://karl@example.com',
    'www.example.com/@karl',
    'example.com/@karl',
    '@karl@social.example',
    '@ karl, @, @@, @- @5pm @_ @:',
    'nobody here',
    '',
  ])('%j names nobody', (text) => {
    expect(named(text)).toEqual([]);
  });

  test('a nick that ends in a sign is looked for as written, and without it where it may be punctuation', () => {
    expect(possible('@karl-')).toEqual(['karl-', 'karl']);
    expect(possible('@karl] no')).toEqual(['karl]', 'karl']);
    expect(possible('@karl_')).toEqual(['karl_']);
    expect(possible('@anna.lee.')).toEqual(['anna.lee.', 'anna.lee', 'anna']);
  });
});

describe('nick: and nick, at the start', () => {
  test.each([
    ['Wizord: it is broken', 'Wizord'],
    ['|trey|, top in the list', '|trey|'],
    ['karl:`x`', 'karl'],
    ['  karl : right', 'karl'],
    ['\u0002karl\u0002: right', 'karl'],
    ['karl:', 'karl'],
    ['Anna Lee: right', 'Anna Lee'],
    ['lp: http://example.com', 'lp'],
  ])('%j may be said to %j', (text, nick) => {
    expect(possible(text)).toEqual([nick]);
    expect(named(text)).toEqual([]);
  });

  test.each([
    'http://example.com',
    'hi karl, how are you all doing: fine',
    'karl is here',
    ': karl',
    ', karl',
    'hello\nkarl: hi',
  ])('%j is said to nobody in particular', (text) => {
    expect(possible(text)).not.toContain('karl');
    expect(possible(text)).not.toContain('http');
  });
});

test('of a thousand nicks the first fifty are followed', () => {
  const text = Array.from({ length: 1000 }, (_, i) => `@nick${i}x`).join(' ');
  expect(named(text)).toEqual(Array.from({ length: 50 }, (_, i) => `nick${i}x`));
});

test.each([
  ...['a.', 'a-', '@a.', '@', '@a@', '[', 'a:', 'http://', '.@', 'a_', '`', '> ', 'a, ', '@a/'],
  ...[
    '````\n```\n',
    '\u0301',
    '\u0301\u0323',
    '@\u0301',
    '@小',
    '@a\u202e',
    '\u202e@a\u202c',
    '@🇩🇪',
    '@a public void a(b)',
    '@A private A<A<A<',
    '@A a: A<b | c: ',
    '@A\n',
    '@A @A ',
    '@a x: A | A | A\n',
    '@media (a: ',
    '@a public ',
    '- - > @a\n',
    '@a/b, ',
    'a和',
  ],
])('40,000 characters of %j are read in no time', (piece) => {
  const text = piece.repeat(40_000 / piece.length);
  const { ms } = processorTime(() => [findMentions(text), findMentions(`@${text}@`)]);
  expect(ms).toBeLessThan(500);
});

test('texts of every Unicode block are read, and names have 1 to 64 characters', () => {
  const lengths = new Set<number>();
  const read = (text: string) => {
    for (const { readings } of findMentions(text).mentions)
      for (const { name } of readings) lengths.add([...name].length);
  };
  let text = '';
  for (const { characters } of everyBlock()) {
    read(`@${characters}`);
    text += `${characters.slice(0, 100)}@${characters}：`;
    if (text.length < 40_000) continue;
    read(text);
    text = '';
  }
  expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([1, 64]);
});

test('a name ends where its reading says', () => {
  const pieces = [
    '@',
    '小',
    '明',
    'a',
    'é',
    'e\u0301',
    '님',
    '.',
    '-',
    "'",
    '🟢',
    '👩‍💻',
    'ｋ',
    '/',
    ':',
    ' ',
  ];
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...pieces) }), (text) => {
      for (const { at, readings } of findMentions(text).mentions)
        for (const { name, end } of readings)
          expect([
            text.slice(at, end).normalize('NFC'),
            text.slice(at, end).normalize('NFKC'),
          ]).toContain(name);
    }),
  );
});

test('a handle can be mentioned if it begins like a name and is no URL', () => {
  for (const good of [
    'ada',
    '小明',
    "o'brien",
    'kenny🟢',
    '🟢',
    '`e`',
    'a@b',
    'alice@example.org',
    'org/team',
    '$x',
  ])
    expect([good, canBeMentioned(good)]).toEqual([good, true]);
  for (const bad of ['.x', '!x', '(x)', 'http://x', 'www.x', '\u0301x', '＠ada'])
    expect([bad, canBeMentioned(bad)]).toEqual([bad, false]);
});

test('whatever the text, names are not empty and hold no space, and the text holds them', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(
          '@',
          'a',
          'B',
          '.',
          ':',
          ',',
          ' ',
          '[',
          ']',
          '|',
          '_',
          '/',
          'é',
          '\n',
          '-',
        ),
      }),
      (text) => {
        for (const name of named(text)) {
          expect(name).toMatch(/^[^\s@]+$/);
          expect(text).toContain(`@${name}`);
        }
      },
    ),
  );
});
