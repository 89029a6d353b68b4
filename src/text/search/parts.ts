import type { Piece } from './pieces.ts';

const HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/** `python3`, and `11rc`. Ids such as `a1b2c3` are neither. */
const NAMED = /^(\p{L}{1,40})\p{Nd}{1,9}$/u;
const NUMBERED = /^(\p{Nd}{1,9})\p{L}{1,40}$/u;

/**
 * The parts of a word in camelCase, and of a word with a version: the `v` and `1` of `v1.2`.
 *
 * @param plain the text that it is of
 */
export function partsOf(piece: Piece, plain: string): Piece[] {
  if (!mayHaveParts(piece)) return [piece];
  const texts = piece.text.split(HUMP);
  cutOff(texts, texts.length - 1, nameOf(texts.at(-1)!, piece, plain));
  cutOff(texts, 0, numberOf(texts[0]!, piece, plain));
  if (texts.length === 1) return [piece];
  let start = piece.start;
  return texts.map((text) => {
    const part = { ...piece, text, start, end: start + text.length };
    start = part.end;
    return part;
  });
}

/** Whether a word has several parts. */
export const hasParts = (piece: Piece, plain: string): boolean =>
  mayHaveParts(piece) && partsOf(piece, plain).length > 1;

const mayHaveParts = ({ kind, text }: Piece) => kind === 'word' && /[\p{Lu}\p{Nd}]/u.test(text);

function cutOff(texts: string[], at: number, begin: string): void {
  const text = texts[at]!;
  if (begin) texts.splice(at, 1, begin, text.slice(begin.length));
}

/** The `python` of `python3.11`, and the `v` of `v2` outside of paths; empty where it is none. */
function nameOf(text: string, { start, end }: Piece, plain: string): string {
  const [, name = ''] = NAMED.exec(text) ?? [];
  const isVersion = /^v$/i.test(name) && plain.charAt(start - 1) !== '/';
  return isVersion || /^\.\p{Nd}/u.test(plain.slice(end, end + 3)) ? name : '';
}

/** The `11` of `3.11rc`; empty where it is none. */
function numberOf(text: string, { start }: Piece, plain: string): string {
  const [, number = ''] = NUMBERED.exec(text) ?? [];
  return number && /\p{Nd}\.$/u.test(plain.slice(Math.max(0, start - 3), start)) ? number : '';
}
