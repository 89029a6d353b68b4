import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findMentions } from '../../../src/activities/notifications/mentions.ts';

/** Who is meant where nobody is known. */
const named = (text: string) => findMentions(text).flatMap((mention) => mention.fallback ?? []);
/** Who may be meant, if somebody is so called. */
const possible = (text: string) => findMentions(text).flatMap((mention) => mention.readings);

describe('@nick', () => {
  test.each([
    ['@w1zeman1p', ['w1zeman1p']],
    ['thanks @mib_q2934o!', ['mib_q2934o']],
    ['@karl: so, just to be sure', ['karl']],
    ['ask @karl, @timebox; or (@hmunoz).', ['karl', 'timebox', 'hmunoz']],
    ['is it "@karl"? .@karl cc:@tim,@tom', ['karl', 'tim', 'tom']],
    ['@|trey|, top in the list', ['|trey|']],
    ['@[wolf] @x\\y @a^b @c{d} @`e`', ['[wolf]', 'x\\y', 'a^b', 'c{d}', '`e`']],
    ['[@karl] {@tim} `@tom` _@ann_', ['karl', 'tim', 'tom', 'ann']],
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
    expect(possible('@anna.lee.')).toEqual(['anna.lee', 'anna']);
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

test.each(['a.', 'a-', '@a.', '@', '@a@', '[', 'a:', 'http://', '.@', 'a_'])(
  '40,000 characters of "%s" are read in no time',
  (piece) => {
    const started = performance.now();
    findMentions(piece.repeat(40_000 / piece.length));
    findMentions(`@${piece.repeat(40_000 / piece.length)}@`);
    expect(performance.now() - started).toBeLessThan(500);
  },
);

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
