import { stemOf } from './english-stem.ts';
import { cut, exactForm, foldedForm } from './fold.ts';
import { type Piece, piecesOf, plainOf } from './pieces.ts';
import { dictionaryWords, unitsOf } from './units.ts';

/** A word, or a part of one, by which a text is found. */
export interface Token {
  /** As it is compared: folded, with {@link HINT} in front where it is no word of the text. */
  lexeme: string;
  /** Its place among the words, from 1. Several may have one. */
  position: number;
  /** Where it is in the text, in UTF-16 units; `end` is behind it. */
  start: number;
  end: number;
  /** Where its first sign ends, if it is two of a script without spaces; else its end. */
  head: number;
}

/**
 * Before what is made of a word: the stem of an English one, and the words that a dictionary finds
 * in a script without spaces. No word begins with it.
 */
export const HINT = '=';

/** Separates the two readings of a text, so that no phrase matches across their border. */
const GAP = 64;

/** Characters of a text in which a dictionary's words are looked for, about. */
const LOOKED_UP = 2000;

/** Pieces of one contraction. */
const CONTRACTED = 6;

const HUMP = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/**
 * The words of a text, and what is made of them. A text with camelCase is read twice: `couponCode`
 * is one word, and it is `coupon` and `code`.
 */
export function tokensOf(text: string): Token[] {
  const { plain, origin } = plainOf(text);
  const pieces = piecesOf(plain);
  const reading = new Reading();
  reading.read(pieces);
  if (pieces.some(hasHumps)) reading.readAgain(pieces.flatMap(partsOf));
  return origin
    ? reading.tokens.map((token) => ({
        ...token,
        start: origin[token.start]!,
        end: origin[token.end - 1]! + 1,
        head: origin[token.head - 1]! + 1,
      }))
    : reading.tokens;
}

const hasHumps = ({ kind, text }: Piece) => kind === 'word' && HUMP.test(text);

/** A word in camelCase, taken apart. */
function partsOf(piece: Piece): Piece[] {
  if (!hasHumps(piece)) return [piece];
  let start = piece.start;
  return piece.text.split(HUMP).map((text) => {
    const part = { ...piece, text, start, end: start + text.length };
    start = part.end;
    return part;
  });
}

/** Words come again and again. */
const known = new Map<string, string[]>();
const MOST_KNOWN = 20_000;
const KNOWN_LENGTH = 32;

/**
 * The forms of a word that a text is found by: the word itself; with its accents where it has some;
 * its stem where it is an English one.
 */
export function formsOf(word: string): string[] {
  if (word.length > KNOWN_LENGTH) return makeForms(word);
  let forms = known.get(word);
  if (!forms) {
    forms = makeForms(word);
    if (known.size === MOST_KNOWN) known.clear();
    known.set(word, forms);
  }
  return forms;
}

function makeForms(word: string): string[] {
  const exact = exactForm(word);
  if (exact === '') return [];
  const folded = foldedForm(exact);
  const stem = stemOf(folded);
  const forms = [folded];
  if (exact !== folded) forms.push(exact);
  if (stem !== folded) forms.push(HINT + stem);
  return forms;
}

/** An emoji as it is compared, and without its tone of skin and gender. */
export function emojiForms(emoji: string): string[] {
  const exact = emoji.replaceAll('\ufe0f', '');
  const folded = exact.replace(/(?!^)\p{Emoji_Modifier}|\u200d[♀♂]|(?<=^\d)\u20e3/gu, '');
  return exact === folded ? [folded] : [folded, exact];
}

type Place = Pick<Token, 'start' | 'end'> & { head?: number };

class Reading {
  readonly tokens: Token[] = [];
  #position = 1;
  #lookedUp = 0;

  read(pieces: Piece[]): void {
    for (let i = 0; i < pieces.length; ) {
      const first = this.#position;
      const chain = [pieces[i]!];
      while (pieces[i + chain.length]?.isContracted) chain.push(pieces[i + chain.length]!);
      for (const piece of chain) {
        if (piece.kind === 'dense') this.#lookUp(piece);
        this.#add(piece);
      }
      if (chain.length > 1 && chain.length <= CONTRACTED) this.#join(chain, first);
      i += chain.length;
    }
  }

  /** Reads the words once more, behind what has been read. */
  readAgain(pieces: Piece[]): void {
    this.#position += GAP;
    for (const piece of pieces) this.#add(piece);
  }

  #add(piece: Piece): void {
    if (piece.kind === 'dense') this.#addPairs(piece);
    else {
      const forms = piece.kind === 'emoji' ? emojiForms(piece.text) : formsOf(piece.text);
      for (const lexeme of forms) this.#token(lexeme, this.#position, piece);
      if (forms.length > 0) this.#position += 1;
    }
  }

  #token(lexeme: string, position: number, { start, end, head = end }: Place): void {
    this.tokens.push({ lexeme, position, start, end, head });
  }

  /** Each two signs that follow each other, and the last by itself. */
  #addPairs({ text, start }: Piece): void {
    const units = unitsOf(text);
    for (const [i, unit] of units.entries()) {
      const next = units[i + 1];
      const where = {
        start: start + unit.start,
        end: start + (next ?? unit).end,
        head: start + unit.end,
      };
      this.#token(unit.text + (next?.text ?? ''), this.#position, where);
      this.#position += 1;
    }
  }

  #lookUp({ text, start }: Piece): void {
    if (this.#lookedUp > LOOKED_UP) return;
    this.#lookedUp += text.length;
    for (const word of dictionaryWords(text)) {
      const where = { start: start + word.start, end: start + word.end };
      this.#token(HINT + word.text, this.#position + word.start, where);
    }
  }

  /** `don't` is found as `dont` too. */
  #join(chain: Piece[], position: number): void {
    const lexeme = cut(chain.map(({ text }) => foldedForm(exactForm(text))).join(''));
    this.#token(lexeme, position, { start: chain[0]!.start, end: chain.at(-1)!.end });
  }
}
