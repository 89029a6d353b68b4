import { atOnce, type Steps } from '../../yield-to-others.ts';
import { stemOf } from './english-stem.ts';
import { cut, exactForm, foldedForm } from './fold.ts';
import { hasParts, partsOf } from './parts.ts';
import { type Piece, pieceSteps, plainOf, STEP } from './pieces.ts';
import { dictionaryWords, unitsOf } from './units.ts';

/**
 * What is called with each word of a text, and with what is made of it.
 *
 * @param lexeme as it is compared: folded, with {@link HINT} in front where it is no word of the
 * text
 * @param position its place among the words, from 1; several may have one
 * @param start where it is in the text, in UTF-16 units; `end` is behind it
 * @param head where its first sign ends, if it is two of a script without spaces; else its end
 */
export type Visit = (
  lexeme: string,
  position: number,
  start: number,
  end: number,
  head: number,
) => void;

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

/**
 * The words of a text, and what is made of them. A text with words that have parts is read twice:
 * `couponCode` is one word, and it is `coupon` and `code`.
 *
 * @param looksUp whether it is told of a dictionary's words too, which rank texts and find none
 * (default true)
 */
export const eachToken = (text: string, visit: Visit, options?: { looksUp?: boolean }): void =>
  atOnce(tokenSteps(text, visit, options));

/** The same step by step. */
export function* tokenSteps(text: string, visit: Visit, { looksUp = true } = {}): Steps<void> {
  const { plain, origin } = plainOf(text);
  const reading = new Reading(
    origin
      ? (lexeme, position, start, end, head) =>
          visit(lexeme, position, origin[start]!, origin[end - 1]! + 1, origin[head - 1]! + 1)
      : visit,
    looksUp,
  );
  let isReadAgain = false;
  for (const pieces of pieceSteps(plain)) {
    yield* reading.read(pieces);
    isReadAgain ||= pieces.some((piece) => hasParts(piece, plain));
    yield;
  }
  if (!isReadAgain) return;
  reading.leaveGap();
  for (const pieces of pieceSteps(plain)) {
    yield* reading.readAgain(pieces.flatMap((piece) => partsOf(piece, plain)));
    yield;
  }
}

/** Words come again and again. */
const known = { word: new Map<string, string[]>(), emoji: new Map<string, string[]>() };
const MOST_KNOWN = 20_000;
const KNOWN_LENGTH = 32;

/**
 * The forms of a word that a text is found by: the word itself; with its accents where it has some;
 * its stem where it is an English one. An emoji is found without its tone of skin and gender too.
 */
export function formsOf(text: string, kind: 'word' | 'emoji'): string[] {
  const make = kind === 'emoji' ? emojiForms : wordForms;
  if (text.length > KNOWN_LENGTH) return make(text);
  let forms = known[kind].get(text);
  if (!forms) {
    forms = make(text);
    if (known[kind].size === MOST_KNOWN) known[kind].clear();
    known[kind].set(text, forms);
  }
  return forms;
}

function wordForms(word: string): string[] {
  const exact = exactForm(word);
  if (exact === '') return [];
  const folded = foldedForm(exact);
  const stem = stemOf(folded);
  const forms = [folded];
  if (exact !== folded) forms.push(exact);
  if (stem !== folded) forms.push(HINT + stem);
  return forms;
}

function emojiForms(emoji: string): string[] {
  const exact = emoji.replaceAll('\ufe0f', '');
  const folded = exact.replace(/(?!^)\p{Emoji_Modifier}|\u200d[♀♂]|(?<=^\d)\u20e3/gu, '');
  return exact === folded ? [folded] : [folded, exact];
}

class Reading {
  #position = 1;
  #lookedUp = 0;
  readonly #visit: Visit;
  readonly #looksUp: boolean;

  constructor(visit: Visit, looksUp: boolean) {
    this.#visit = visit;
    this.#looksUp = looksUp;
  }

  *read(pieces: Piece[]): Steps<void> {
    for (let i = 0; i < pieces.length; ) {
      const first = i;
      const position = this.#position;
      do {
        const piece = pieces[i]!;
        if (piece.kind === 'dense') {
          this.#lookUp(piece);
          yield* this.#addPairs(piece);
        } else this.#addWord(piece);
        i += 1;
      } while (pieces[i]?.isContracted);
      const joined = i - first;
      if (joined > 1 && joined <= CONTRACTED) this.#join(pieces.slice(first, i), position);
    }
  }

  /** Begins to read the words once more, behind what has been read. */
  leaveGap(): void {
    this.#position += GAP;
  }

  *readAgain(pieces: Piece[]): Steps<void> {
    for (const piece of pieces)
      if (piece.kind === 'dense') yield* this.#addPairs(piece);
      else this.#addWord(piece);
  }

  #addWord({ text, kind, start, end }: Piece): void {
    const forms = formsOf(text, kind === 'emoji' ? kind : 'word');
    for (const lexeme of forms) this.#visit(lexeme, this.#position, start, end, end);
    if (forms.length > 0) this.#position += 1;
  }

  /** Each two signs that follow each other, and the last by itself. */
  *#addPairs({ text, start }: Piece): Steps<void> {
    const { signs, ends } = unitsOf(text);
    let begun = start;
    for (const [i, sign] of signs.entries()) {
      const head = start + ends[i]!;
      const isLast = i + 1 === signs.length;
      const lexeme = isLast ? sign : sign + signs[i + 1]!;
      this.#visit(lexeme, this.#position, begun, isLast ? head : start + ends[i + 1]!, head);
      this.#position += 1;
      begun = head;
      if (i % STEP === STEP - 1) yield;
    }
  }

  #lookUp({ text, start }: Piece): void {
    if (!this.#looksUp || this.#lookedUp > LOOKED_UP) return;
    this.#lookedUp += text.length;
    for (const word of dictionaryWords(text)) {
      const end = start + word.end;
      this.#visit(HINT + word.text, this.#position + word.start, start + word.start, end, end);
    }
  }

  /** `don't` is found as `dont` too. */
  #join(chain: Piece[], position: number): void {
    const lexeme = cut(chain.map(({ text }) => foldedForm(exactForm(text))).join(''));
    const { end } = chain.at(-1)!;
    if (lexeme !== '') this.#visit(lexeme, position, chain[0]!.start, end, end);
  }
}
