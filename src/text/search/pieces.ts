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

/** Armenian marks the tone of a sentence within its words. */
const LETTERS = '[\\p{L}\\p{N}\\p{M}\\u055b\\u055c\\u055e\\u200d]';
const NEXT = new RegExp(`(?=${emoji}|${LETTERS})`, 'gu');
const EMOJI = new RegExp(`(?:${emoji})`, 'uy');
const RUN = new RegExp(`${LETTERS}+`, 'uy');
const HAS_DENSE = new RegExp(dense, 'u');
const DENSE = new RegExp(`(?:${dense})+`, 'uy');
const SPACED = new RegExp(`(?:(?!${dense})${LETTERS})+`, 'uy');
const ASCII = /^[\0-\x7f]*$/;

/** What joins two pieces of one word. */
const CONTRACTIONS = new Set(["'", '’', 'ʼ', '＇', '‘', '\u200c']);

/** Pieces, or signs of a script without spaces, that are looked at in one step. */
export const STEP = 500;

/** The words of a plain text, in their order. */
export const piecesOf = (plain: string): Piece[] => Array.from(pieceSteps(plain)).flat();

/** The same step by step. No step ends within a word that is contracted. */
export function* pieceSteps(plain: string): Generator<Piece[]> {
  const next = ASCII.test(plain) ? nextAsciiWord : nextPiece();
  let step: Piece[] = [];
  for (let piece = next(plain, 0); piece; piece = next(plain, piece.end)) {
    piece.isContracted = step.at(-1)?.end === piece.start - 1 && isJoined(plain, piece);
    if (step.length >= STEP && !piece.isContracted) {
      yield step;
      step = [];
    }
    step.push(piece);
  }
  yield step;
}

const isJoined = (plain: string, { start }: Piece) => CONTRACTIONS.has(plain.charAt(start - 1));

const pieceAt = (kind: Piece['kind'], text: string, start: number): Piece => ({
  kind,
  text,
  start,
  end: start + text.length,
  isContracted: false,
});

/** Where a pattern ends that matches at this place; -1: it doesn't. */
function endAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Finds the piece after a place. Matches are tested, not made: texts may have 40,000. */
function nextPiece(): (plain: string, from: number) => Piece | undefined {
  /** Letters that follow each other, scripts without spaces among them, and where they begin. */
  let mixed = '';
  let mixedAt = 0;
  return (plain, from) => {
    if (from >= mixedAt + mixed.length) {
      const start = endAt(NEXT, plain, from);
      if (start === -1) return undefined;
      const emojiEnd = endAt(EMOJI, plain, start);
      if (emojiEnd !== -1) return pieceAt('emoji', plain.slice(start, emojiEnd), start);
      const run = plain.slice(start, endAt(RUN, plain, start));
      if (ASCII.test(run) || !HAS_DENSE.test(run)) return pieceAt('word', run, start);
      [mixed, mixedAt] = [run, start];
    }
    const at = Math.max(0, from - mixedAt);
    const denseEnd = endAt(DENSE, mixed, at);
    return denseEnd === -1
      ? pieceAt('word', mixed.slice(at, endAt(SPACED, mixed, at)), mixedAt + at)
      : pieceAt('dense', mixed.slice(at, denseEnd), mixedAt + at);
  };
}

/** A run of letters and digits, without a regular expression: most texts have no others. */
function nextAsciiWord(plain: string, from: number): Piece | undefined {
  let start = from;
  while (start < plain.length && !isAsciiWord(plain, start)) start += 1;
  if (start === plain.length) return undefined;
  let end = start + 1;
  while (end < plain.length && isAsciiWord(plain, end)) end += 1;
  return pieceAt('word', plain.slice(start, end), start);
}

function isAsciiWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at) | 32;
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
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
