import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isolated, withoutFormatting } from '../../../src/text/formatting.ts';

test.each([
  ['\u000304deploy\u0003 failed', 'deploy failed'],
  ['\u000304,12red on blue\u000f, plain', 'red on blue, plain'],
  ['\u00031,a', ',a'],
  ['\u0003123', '3'],
  [
    '\u0002bold\u0002 \u001ditalic\u001d \u001funder\u001f \u0016turned\u0016 \u0011mono',
    'bold italic under turned mono',
  ],
  ['\u0004ff0000red\u0004', 'red'],
  ['\u001b[1;31merror\u001b[0m: done\u001b[K', 'error: done'],
  ['\u009b32mgreen\u009b0m', 'green'],
  ['see \u001b]8;;https://x.com\u0007the page\u001b]8;;\u0007', 'see the page'],
  ['a\u001b]0;title\u001b\\b', 'ab'],
  ['a\u001b(Bb\u001b7c\u001bMd', 'abcd'],
  ['\u001b]8;;broken off\nnext line', ']8;;broken off\nnext line'],
  ['\u001b[', '['],
  ['two\u000bor\u000cthree\u0085lines', 'two\u000bor\u000cthree\u0085lines'],
  ['two\nlines\tand\r\nmore', 'two\nlines\tand\r\nmore'],
  ['pay\u202elive\u202c\u2066x\u2069', 'paylivex'],
  ['de\u200bploy\u2060ed\ufeff so\u00adft', 'deployed soft'],
  ['👩\u200d👩\u200d👧 and ❤\ufe0f', '👩\u200d👩\u200d👧 and ❤\ufe0f'],
  ['می\u200cخواهم', 'می\u200cخواهم'],
  ['क्\u200dष', 'क्\u200dष'],
  ['[31m and ^B are text', '[31m and ^B are text'],
])('%j looks like %j', (text, plain) => {
  expect(withoutFormatting(text)).toBe(plain);
});

test.each([
  ['ada', 'ada'],
  ['Zoë 田中', 'Zoë 田中'],
  ['عادل', '\u2068عادل\u2069'],
  ['דנה (QA)', '\u2068דנה (QA)\u2069'],
  ['room ١٢', '\u2068room ١٢\u2069'],
  ['𞤀𞤣𞤤𞤢𞤥', '\u2068𞤀𞤣𞤤𞤢𞤥\u2069'],
])('%j stands in a sentence as %j', (name, shown) => {
  expect(isolated(name)).toBe(shown);
});

test('what can be seen of any text stays, in its order', () => {
  const unit = fc.oneof(
    fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)),
    fc.constantFrom(
      '\u0003',
      '\u0004',
      '\u001b[',
      '\u001b]',
      '\u0007',
      '\u009b',
      '12',
      ',',
      'ff00ff',
      'm',
      '\u200d',
      '\ud800',
    ),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (units) => {
      const text = units.join('');
      const plain = withoutFormatting(text);
      expect(isWithin(plain, text)).toBe(true);
      if (!codes.test(text)) expect(visible(plain)).toBe(visible(text));
    }),
  );
});

const codes = /\p{Cc}/u;
const visible = (text: string) =>
  text.replace(/[^\p{L}\p{N}\p{P}]|\p{Default_Ignorable_Code_Point}/gu, '');

/** Whether a text's characters are in the other, in their order. */
function isWithin(some: string, text: string): boolean {
  let at = 0;
  return [...some].every((character) => {
    const found = text.indexOf(character, at);
    at = found + character.length;
    return found !== -1;
  });
}
