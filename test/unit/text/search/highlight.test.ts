import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { highlight } from '../../../../src/text/search/highlight.ts';
import { readQuery } from '../../../../src/text/search/query.ts';
import { processorTime } from '../../../harness/processor-time.ts';

const shown = (text: string, typed: string) => highlight(text, readQuery(typed));

interface Case {
  why: string;
  text: string;
  q: string;
  highlight_contains: string;
}
const cases = readFileSync('test/cases/highlights.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

test.each(cases)('$why: $q in $text', ({ text, q, highlight_contains }) => {
  expect(shown(text, q)).toContain(highlight_contains);
});

test.each([
  [
    'coupon',
    'see https://x.com/a#create_subscription-coupon',
    'see https://x.com/a#create_subscription-<mark>coupon</mark>',
  ],
  ['node.js', 'I run node.js here', 'I run <mark>node</mark>.<mark>js</mark> here'],
  ['façade', 'la <b>façade</b> bleue', 'la &lt;b&gt;<mark>façade</mark>&lt;/b&gt; bleue'],
  ['facade', 'la façade', 'la <mark>façade</mark>'],
  ['12', 'from -12 & on', 'from -<mark>12</mark> &amp; on'],
  ['red', 'red\u0001 \ue000car\ue001', '<mark>red</mark>\u0001 \ue000car\ue001'],
  ['deploy', '\u000304deploy\u0003 failed', '\u000304<mark>deploy</mark>\u0003 failed'],
  ['deploy', 'de\u0002ploy now', '<mark>de\u0002ploy</mark> now'],
  ['北京', '服务器在北京机房', '服务器在<mark>北京</mark>机房'],
  ['北京机房', '服务器在北京机房', '服务器在<mark>北京机房</mark>'],
  ['京', '北京', '北<mark>京</mark>'],
  ['環境', '開発環境を準備しました', '開発<mark>環境</mark>を準備しました'],
  ['ガラス', 'ｶﾞﾗｽの板', '<mark>ｶﾞﾗｽ</mark>の板'],
  ['서버', '서버를 재시작', '<mark>서버</mark>를 재시작'],
  ['ภาษา', 'นี่คือภาษาไทย', 'นี่คือ<mark>ภาษา</mark>ไทย'],
  ['مرحبا', 'قال مَرْحَبًا لي', 'قال <mark>مَرْحَبًا</mark> لي'],
  ['שלום', 'אמר שָׁלוֹם לי', 'אמר <mark>שָׁלוֹם</mark> לי'],
  ['привет', 'ПРИВЕТ мир', '<mark>ПРИВЕТ</mark> мир'],
  ['οδος', 'η ΟΔΟΣ', 'η <mark>ΟΔΟΣ</mark>'],
  ['தமிழ்', 'இது தமிழ் மொழி', 'இது <mark>தமிழ்</mark> மொழி'],
  ['葛城', '葛\u{E0100}城市', '<mark>葛\u{E0100}城</mark>市'],
  ['葛\u{E0100}城', '葛城市', '<mark>葛城</mark>市'],
  ['ինչու', 'ինչո՞ւ ոչ', '<mark>ինչո՞ւ</mark> ոչ'],
  ['ինչպե՞ս', 'այ ինչպես', 'այ <mark>ինչպես</mark>'],
  ['ozbekiston', 'in Oʻzbekiston', 'in <mark>Oʻzbekiston</mark>'],
  ["O'zbekiston", 'in Oʻzbekiston', 'in <mark>Oʻzbekiston</mark>'],
  ['Oʻzbekiston', 'in O‘zbekiston', 'in <mark>O‘zbekiston</mark>'],
  ['hawaii', 'Hawaiʻi', '<mark>Hawaiʻi</mark>'],
  ['quran', 'Qurʾan', '<mark>Qurʾan</mark>'],
  ['🍋', 'nice 🔑 and 🍋', 'nice 🔑 and <mark>🍋</mark>'],
  ['👍', 'ok 👍🏽!', 'ok <mark>👍🏽</mark>!'],
  ["don't", 'don’t & do', '<mark>don’t</mark> &amp; do'],
  ['comp*', 'my computer, comparing', 'my <mark>computer</mark>, <mark>comparing</mark>'],
  ['deploys', 'deploy, deployed', '<mark>deploy</mark>, <mark>deployed</mark>'],
  ['"roll back"', 'roll out, roll back', 'roll out, <mark>roll</mark> <mark>back</mark>'],
  ['down -upper', 'upper and down', 'upper and <mark>down</mark>'],
  ['code', 'couponCode', 'coupon<mark>Code</mark>'],
])('a search for %j marks its words in %j', (typed, text, marked) => {
  expect(shown(text, typed)).toBe(marked);
});

test('a long text is cut at blanks around what was found, and says so', () => {
  const text = `${'alpha beta '.repeat(60)}deploy ${'gamma delta '.repeat(60)}deploys ${'omega '.repeat(60)}`;
  const html = shown(text, 'deploy');
  expect(html).toMatch(/^… (alpha|beta) /);
  expect(html).toContain(' <mark>deploy</mark> gamma');
  expect(html).toMatch(/(gamma|delta) … (gamma|delta)/);
  expect(html).toContain('<mark>deploys</mark> omega');
  expect(html).toMatch(/omega …$/);
  expect(html.length).toBeLessThan(600);
});

test('a long text without blanks is cut between its signs', () => {
  const html = shown(`${'漢😀字'.repeat(200)}環境${'漢字'.repeat(200)}`, '環境');
  expect(html).toContain('<mark>環境</mark>');
  expect(html).not.toMatch(/\p{Cs}/u);
  expect(html).toMatch(/^… .*…$/su);
});

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Where each of the shown parts begins and ends in the text. */
function cutsIn(html: string, text: string): number[] {
  let from = 0;
  return html
    .replace(/<\/?mark>/g, '')
    .split(/ ?… ?/)
    .filter(Boolean)
    .flatMap((part) => {
      const start = text.indexOf(part, from);
      expect(start, part).not.toBe(-1);
      from = start + part.length;
      return [start, from];
    });
}

test.each([
  ['letters beyond the first plane', '𠮷', false],
  ['such letters among others', '𠮷野家', false],
  ['flags', '🇩🇪', false],
  ['families', '👩‍👩‍👧‍👦', false],
  ['emoji with a tone', 'ok👍🏽', false],
  ['Burmese', 'ကျွန်တော်', false],
  ['Burmese, letters in a stack', 'ဗုဒ္ဓဘာသာ', false],
  ['Khmer', 'ខ្ញុំស្រឡាញ់', false],
  ['Thai', 'ที่นี่', false],
  ['decomposed Hangul', '한국어'.normalize('NFD'), false],
  ['decomposed accents', 'e\u0301\u0323', false],
  ['Hindi', 'क्षत्रिय', false],
  ['half width', 'ｶﾞﾊﾟ', false],
  ['many marks on a letter', `x${'\u0301'.repeat(70)}`, false],
  ['marks beyond measure', `x${'\u0301'.repeat(2000)}`, true],
])('a long text is never cut within a letter: %s', (_kind, unit, isWithinMarks) => {
  const run = unit.repeat(Math.ceil(320 / unit.length));
  for (let shift = 0; shift < 12; shift++)
    for (const blank of ['', ' ']) {
      const text = `${'.'.repeat(shift)}${run}${blank}needle${blank}${run}`;
      const borders = new Set(Array.from(graphemes.segment(text), ({ index }) => index));
      for (const typed of ['needle', '-other']) {
        const html = shown(text, typed);
        expect(html).not.toMatch(/\p{Cs}/u);
        expect(html.length).toBeLessThan(600);
        if (blank && typed === 'needle') expect(html).toContain('<mark>needle</mark>');
        const cuts = cutsIn(html, text).filter((cut) => cut < text.length && !isWithinMarks);
        for (const cut of cuts) {
          expect(borders).toContain(cut);
          expect(text.slice(cut)).not.toMatch(/^(?:\p{M}|[\uff9e\uff9f])/u);
        }
      }
    }
});

test('a long text without hits is shown from its beginning', () => {
  expect(shown('word '.repeat(100), '-other')).toMatch(/^word word .* …$/);
});

test('the longest message of the worst kind is highlighted in reasonable time', () => {
  const text = `${'a_'.repeat(19_996)} coupon`;
  const { result, ms } = processorTime(() => shown(text, 'coupon'));
  expect(result).toContain('<mark>coupon</mark>');
  expect(ms).toBeLessThan(3000);
});

test.each(['🇩🇪', '\u0301', 'ကျွန်တော်', '𠮷 ', 'é ', 'é'])(
  'a text of %j is cut in time by its length',
  (unit) => {
    const text = `coupon ${unit.repeat(60)}`.repeat(40_000 / (7 + 60 * unit.length));
    const whole = unit.repeat(40_000 / unit.length);
    for (const one of [text, `${whole} coupon`, `coupon ${whole}`]) {
      const { ms } = processorTime(() => shown(one, 'coupon é 𠮷 🇩🇪'));
      expect(ms).toBeLessThan(1000);
    }
  },
);
