import { isEnglish, stemOf } from './english-stem.ts';
import { exactForm, foldedForm } from './fold.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { formsOf, HINT } from './tokens.ts';
import { dictionaryWords, isKorean, unitsOf } from './units.ts';

/** What a text must have at a place: one of these lexemes, the word itself first. */
export interface Step {
  /** How many places it is behind the step before; 0 at the first. */
  distance: number;
  lexemes: string[];
  /** Whether lexemes that only begin so are meant too. */
  isPrefix: boolean;
}

/** What only those texts have that say it just so. */
export interface Exact {
  lexeme: string;
  isPrefix: boolean;
}

/** What is looked for: one of these sequences. */
export interface Term {
  isExcluded: boolean;
  sequences: Step[][];
  /** Texts that have these say it just so: they come first, and are ranked higher. */
  exact: Exact[];
}

/**
 * Reads what is typed as one word or as a phrase.
 *
 * @param isQuoted whether it is meant as it is written, and not by its stems
 * @returns null where it has no word
 */
export function termOf(typed: string, isQuoted: boolean): Omit<Term, 'isExcluded'> | null {
  const pieces = piecesOf(typed);
  const steps: Step[] = [];
  let distance = 0;
  for (const piece of pieces) {
    const isPrefix = typed.charAt(piece.end) === '*';
    const { steps: some, behind } = stepsOf(piece, isPrefix, isQuoted);
    for (const [i, step] of some.entries()) steps.push(i === 0 ? { ...step, distance } : step);
    distance = steps.length === 0 ? 0 : some.length === 0 ? distance : behind;
  }
  if (steps.length === 0) return null;
  const exact = pieces.flatMap((piece) => exactOf(piece, typed.charAt(piece.end) === '*'));
  const joined = contracted(pieces);
  return { sequences: joined ? [steps, [joined]] : [steps], exact };
}

interface Steps {
  steps: Step[];
  /** How far the next word is behind the last step. */
  behind: number;
}

function stepsOf(piece: Piece, isPrefix: boolean, isQuoted: boolean): Steps {
  if (piece.kind === 'dense') return densely(unitsOf(piece.text).signs);
  const [word] = formsOf(piece.text, piece.kind);
  if (word === undefined) return { steps: [], behind: 0 };
  const lexemes = isPrefix || isQuoted ? [word] : [...new Set([word, ...stemsOf(word)])];
  return { steps: [{ distance: 1, lexemes, isPrefix }], behind: 1 };
}

/** A text whose word is a stem itself has no lexeme of it beside the word. */
function stemsOf(word: string): string[] {
  if (!isEnglish(word)) return [];
  const stem = stemOf(word);
  return [stem, HINT + stem];
}

/** Every second pair of signs, and the last. One sign alone is what pairs begin with. */
function densely(units: string[]): Steps {
  const step = (text: string, distance: number, isPrefix = false): Step => ({
    distance,
    lexemes: [text],
    isPrefix,
  });
  if (units.length === 0) return { steps: [], behind: 0 };
  if (units.length === 1) return { steps: [step(units[0]!, 1, true)], behind: 1 };
  const steps: Step[] = [];
  for (let i = 0; i + 1 < units.length; i += 2)
    steps.push(step(units[i]! + units[i + 1]!, i === 0 ? 1 : 2));
  if (units.length % 2 === 1) steps.push(step(units.at(-2)! + units.at(-1)!, 1));
  return { steps, behind: 2 };
}

/**
 * In scripts without spaces a word that the dictionary finds there: of 京都 texts with 京都 come
 * before those with 東京都. Korean words have their endings behind them: they only begin so.
 */
function exactOf({ kind, text }: Piece, isPrefix: boolean): Exact[] {
  if (kind === 'dense') {
    if (unitsOf(text).signs.length === 0) return [];
    const isBegin = isKorean(text);
    return dictionaryWords(text).map((word) => ({ lexeme: HINT + word.text, isPrefix: isBegin }));
  }
  if (isPrefix) return [];
  const lexeme = kind === 'emoji' ? formsOf(text, kind).at(-1) : exactForm(text);
  return lexeme ? [{ lexeme, isPrefix }] : [];
}

/** `don't` is looked for as `dont` too. */
function contracted(pieces: Piece[]): Step | null {
  if (pieces.length < 2 || !pieces.slice(1).every(({ isContracted }) => isContracted)) return null;
  const lexeme = pieces.map(({ text }) => foldedForm(exactForm(text))).join('');
  return lexeme === '' ? null : { distance: 0, lexemes: [lexeme], isPrefix: false };
}
