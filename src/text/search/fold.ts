// How a word is written for comparing, the same in every locale.

/** Longest word that is kept, in UTF-16 units; of longer ones only so much is compared. */
const LONGEST = 200;

/**
 * Marks that people leave out: accents of Latin, Greek and Cyrillic, the tones that Armenian writes
 * within words, points of Hebrew, Arabic and Syriac, nuktas of Devanagari and Gurmukhi. Other marks
 * of other scripts are vowels and tones.
 */
const ACCENTS = new RegExp(
  [
    '[',
    String.raw`\u0300-\u036f\u0483-\u0487\u055b\u055c\u055e\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7`,
    String.raw`\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711`,
    String.raw`\u0730-\u074a\u093c\u0a3c\u08d3-\u08e1\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff`,
    ']',
  ].join(''),
  'g',
);

/** Letters that no decomposition takes apart, and what people type for them. */
const alike: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ŧ: 't',
  ŋ: 'n',
  // What stands for a stop within words: apostrophes that are letters, half rings, primes.
  ʹ: '',
  ʻ: '',
  ʼ: '',
  ʽ: '',
  ʾ: '',
  ʿ: '',
  // Arabic: the stretching line, and letters that one keyboard has and another has not.
  '\u0640': '',
  '\u0649': '\u064a',
  '\u06cc': '\u064a',
  '\u06a9': '\u0643',
  '\u0629': '\u0647',
  '\u0671': '\u0627',
};
const ALIKE = new RegExp(`[${Object.keys(alike).join('')}]`, 'g');

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;
const ASCII = /^[\0-\x7f]*$/;

/** A word in lower case, composed, in the usual width, without what can't be seen. */
export function exactForm(word: string): string {
  const short = cut(word);
  if (ASCII.test(short)) return short.toLowerCase();
  const folded = withoutIgnorable(short.normalize('NFKC')).toLowerCase();
  return cut(folded.replaceAll('ς', 'σ').normalize('NFC'));
}

/** Without what can't be seen, such as what chooses between variants of a sign. */
export const withoutIgnorable = (text: string): string => text.replace(IGNORABLE, '');

export const cut = (word: string): string =>
  word.length > LONGEST ? word.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, '') : word;

/** An exact form as it is looked for: without accents, and digits of every script as 0 to 9. */
export function foldedForm(exact: string): string {
  if (ASCII.test(exact)) return exact;
  const folded = exact
    .normalize('NFD')
    // й is a letter of its own.
    .replaceAll('и\u0306', 'й')
    .replace(ACCENTS, '')
    .replace(ALIKE, (letter) => alike[letter] ?? letter)
    .replace(/\p{Nd}/gu, digitOf)
    .normalize('NFC');
  // A lone mark is all there is of its word.
  return folded === '' ? exact : folded;
}

/** Each script has its ten digits in a row. */
function digitOf(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
  return String(value);
}
