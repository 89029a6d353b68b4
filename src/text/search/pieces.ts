import { HIDDEN } from '../formatting.ts';

/** What a text has of words: where it is, and how it is to be read. */
export interface Piece {
  /**
   * `dense`: of a script without spaces between its words, as long as that goes on. `emoji`: a sign
   * of its own.
   */
  kind: 'word' | 'dense' | 'emoji';
  text: string;
  /** Where it is in the plain text, in UTF-16 units; `end` is behind it. */
  start: number;
  end: number;
  /** Whether nothing but an apostrophe or a non-joiner is before it: the `t` of `don't`. */
  isContracted: boolean;
}

/**
 * Scripts whose words follow each other without spaces, or whose endings do (Korean): for a class
 * of a regular expression.
 */
export const DENSE_SCRIPTS = [
  ...['Han', 'Hiragana', 'Katakana', 'Bopomofo'].map((script) => `\\p{scx=${script}}`),
  ...(
    'Hangul Yi Tangut Nushu Khitan_Small_Script Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue ' +
    'Tai_Tham Tai_Viet Javanese Balinese Cham Ahom'
  )
    .split(' ')
    .map((script) => `\\p{sc=${script}}`),
].join('');

/** Marks belong to their letter, and so do the halves of sound marks in half width. */
const dense = `(?=[\\p{L}\\p{Nl}])[${DENSE_SCRIPTS}][\\p{M}\\u200c\\u200d]*`;
const part = '(?:\\p{Emoji_Modifier}|\\ufe0f)?(?:[\\u{e0020}-\\u{e007e}]+\\u{e007f})?';
const emoji =
  '\\p{RI}\\p{RI}|[0-9#*]\\ufe0f?\\u20e3|' + `\\p{ExtPict}${part}(?:\\u200d\\p{ExtPict}${part})*`;

const PIECE = new RegExp(`(${emoji})|[\\p{L}\\p{N}\\p{M}\\u200d]+`, 'gu');
const HAS_DENSE = new RegExp(dense, 'u');
const BY_DENSITY = new RegExp(`((?:${dense})+)|(?:(?!${dense})[^])+`, 'gu');
const ASCII = /^[\0-\x7f]*$/;

/** What joins two pieces of one word. */
const CONTRACTIONS = new Set(["'", '’', 'ʼ', '＇', '‘', '\u200c']);

/** Pieces, or signs of a script without spaces, that are looked at in one step. */
export const STEP = 500;

/** The words of a plain text, in their order. */
export const piecesOf = (plain: string): Piece[] => Array.from(pieceSteps(plain)).flat();

/** The same step by step. No step ends within a word that is contracted. */
export function* pieceSteps(plain: string): Generator<Piece[]> {
  let step: Piece[] = [];
  let before = -1;
  for (const [kind, text, start] of ASCII.test(plain) ? asciiWords(plain) : foundIn(plain)) {
    const isContracted = before === start - 1 && CONTRACTIONS.has(plain.charAt(before));
    if (step.length >= STEP && !isContracted) {
      yield step;
      step = [];
    }
    before = start + text.length;
    step.push({ kind, text, start, end: before, isContracted });
  }
  yield step;
}

type Found = [kind: Piece['kind'], text: string, start: number];

function* foundIn(plain: string): Generator<Found> {
  for (const { 0: found, 1: emoji, index } of plain.matchAll(PIECE))
    if (emoji) yield ['emoji', found, index];
    else if (ASCII.test(found) || !HAS_DENSE.test(found)) yield ['word', found, index];
    else
      for (const { 0: some, 1: isDense, index: within } of found.matchAll(BY_DENSITY))
        yield [isDense ? 'dense' : 'word', some, index + within];
}

/** Runs of letters and digits, without a regular expression: most texts are such. */
function* asciiWords(text: string): Generator<Found> {
  let start = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0 : text.charCodeAt(i) | 32;
    const isWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
    if (isWord && start === -1) start = i;
    else if (!isWord && start !== -1) {
      yield ['word', text.slice(start, i), start];
      start = -1;
    }
  }
}

/** A text without what formats it, and where each of its units was. Null: where it is. */
export function plainOf(text: string): { plain: string; origin: Uint32Array | null } {
  if (text.search(HIDDEN) === -1) return { plain: text, origin: null };
  const origin = new Uint32Array(text.length);
  let plain = '';
  let from = 0;
  const keep = (until: number) => {
    for (let i = from; i < until; i++) origin[plain.length + i - from] = i;
    plain += text.slice(from, until);
  };
  for (const { index, 0: found } of text.matchAll(HIDDEN)) {
    keep(index);
    from = index + found.length;
  }
  keep(text.length);
  return { plain, origin };
}
