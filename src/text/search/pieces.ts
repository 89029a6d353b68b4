import { atOnce, type Steps } from '../../pauses.ts';
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
export const piecesOf = (plain: string): Piece[] => atOnce(pieceSteps(plain));

/** The same step by step. */
export function* pieceSteps(plain: string): Steps<Piece[]> {
  const pieces: Piece[] = [];
  let before = -1;
  const add = (kind: Piece['kind'], text: string, start: number) => {
    const isContracted = before === start - 1 && CONTRACTIONS.has(plain.charAt(before));
    before = start + text.length;
    pieces.push({ kind, text, start, end: before, isContracted });
  };
  if (ASCII.test(plain)) {
    eachAsciiWord(plain, (start, end) => add('word', plain.slice(start, end), start));
    return pieces;
  }
  for (const { 0: found, 1: emoji, index } of plain.matchAll(PIECE)) {
    if (emoji) add('emoji', found, index);
    else if (ASCII.test(found) || !HAS_DENSE.test(found)) add('word', found, index);
    else
      for (const { 0: some, 1: isDense, index: within } of found.matchAll(BY_DENSITY))
        add(isDense ? 'dense' : 'word', some, index + within);
    if (pieces.length % STEP === 0) yield;
  }
  return pieces;
}

/** Runs of letters and digits, without a regular expression: most texts are such. */
function eachAsciiWord(text: string, visit: (start: number, end: number) => void): void {
  let start = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 0 : text.charCodeAt(i) | 32;
    const isWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
    if (isWord && start === -1) start = i;
    else if (!isWord && start !== -1) {
      visit(start, i);
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
