import { atOnce, type Steps } from '../../yield-to-others.ts';
import { authorLexeme, type Filters } from './filters.ts';
import type { Query } from './query.ts';
import type { Exact, Step, Term } from './terms.ts';
import { tokenSteps } from './tokens.ts';

// Documents and searches as Postgres' own types have them, so that no parser or locale of its is
// between: `'deploy':1,5 '=deploy':1` and `'deploy' | '=deploy'`.

/** Postgres keeps no place beyond this one, and so many of a lexeme. */
const LAST_PLACE = 16_383;
const MOST_PLACES = 255;

/**
 * Postgres takes 1 MB; what is beyond this is not indexed. No text that people write gets there.
 */
const MOST_BYTES = 1_000_000;

/** The label of a last place where more follow that Postgres can't keep. */
const FURTHER = 'C';

/** What a document is made of. */
interface Said {
  text: string;
  author: string;
}

/** What is indexed of a message, for the type tsvector. */
export const documentOf = (said: Said): string => atOnce(documentSteps(said));

/** The same step by step. */
export function* documentSteps({ text, author }: Said): Steps<string> {
  const places = new Map<string, number[]>();
  yield* tokenSteps(text, (lexeme, position) => {
    const known = places.get(lexeme);
    if (!known) places.set(lexeme, [position]);
    else if (known.length < MOST_PLACES) known.push(position);
  });
  const parts = [quoted(authorLexeme(author))];
  let bytes = 1000;
  for (const [lexeme, all] of places) {
    bytes += Buffer.byteLength(lexeme) + 6 + 2 * Math.min(all.length, MOST_PLACES - 1);
    if (bytes > MOST_BYTES) break;
    parts.push(`${quoted(lexeme)}:${writePlaces(all)}`);
  }
  return parts.join(' ');
}

/** The places of a lexeme, in their order. */
function writePlaces(all: number[]): string {
  // Nearly all are once in a text.
  if (all.length < MOST_PLACES && all.at(-1)! < LAST_PLACE) return all.join();
  const kept = all.filter((place) => place < LAST_PLACE).slice(0, MOST_PLACES - 1);
  return [...kept, `${LAST_PLACE}${FURTHER}`].join();
}

const NEEDS_CARE = /['\\]/;

const quoted = (lexeme: string) =>
  NEEDS_CARE.test(lexeme) ? `'${lexeme.replace(/['\\]/g, '$&$&')}'` : `'${lexeme}'`;

/** A search, for the type tsquery. Null where it has no such part. */
export interface TsQueries {
  /** What texts must fit. */
  matching: string | null;
  /**
   * What those fit that say it just so, and not by other words of the stems, without accents, or
   * within other words of a script without spaces; null: all do.
   */
  exactly: string | null;
  /** By what they are ranked: the words with their stems, and as they are written. */
  ranking: string[];
}

/** Writes a search for Postgres. */
export function tsQueriesOf({ branches, filters }: Query): TsQueries {
  const written = (isExact: boolean) =>
    anyOf(branches.map((terms) => allOf(terms.map((term) => writeTerm(term, isExact)))));
  const full = written(false);
  const exact = written(true);
  const authors = authorsOf(filters);
  const isPositive = branches.some((terms) => terms.some((term) => !term.isExcluded));
  const asWritten = anyOf(branches.map((terms) => allOf(exactOf(terms))));
  return {
    matching: allOf([full, authors]) || null,
    exactly: exact === full ? null : allOf([exact, authors]),
    ranking: isPositive ? [full, asWritten].filter(Boolean) : [],
  };
}

const anyOf = (parts: string[]) => {
  const some = parts.filter(Boolean);
  return some.length > 1 ? `(${some.join(' | ')})` : (some[0] ?? '');
};
const allOf = (parts: string[]) => {
  const some = parts.filter(Boolean);
  return some.length > 1 ? `(${some.join(' & ')})` : (some[0] ?? '');
};

const exactOf = (terms: Term[]) => [
  ...new Set(terms.flatMap(({ isExcluded, exact }) => (isExcluded ? [] : exact.map(writeExact)))),
];

const writeExact = ({ lexeme, isPrefix }: Exact) => `${quoted(lexeme)}${isPrefix ? ':*' : ''}`;

const authorsOf = ({ from, notFrom }: Filters) =>
  allOf([anyOf(from.map(quoted)), ...notFrom.map((name) => `!${quoted(name)}`)]);

function writeTerm({ isExcluded, sequences, exact }: Term, isExact: boolean): string {
  const some = anyOf(sequences.map((steps) => writeSequence(steps, isExact && !isExcluded)));
  if (isExcluded) return `!${some}`;
  if (!isExact) return some;
  const words = new Set(sequences.flat().map(({ lexemes }) => lexemes[0]));
  const more = exact.filter(({ lexeme, isPrefix }) => isPrefix || !words.has(lexeme));
  return allOf([some, ...new Set(more.map(writeExact))]);
}

/**
 * Steps that follow each other. Where a text has more places than Postgres keeps, they need only be
 * there.
 */
function writeSequence(steps: Step[], isExact: boolean): string {
  const [first, ...rest] = steps;
  const start = writeStep(first!, isExact);
  if (rest.length === 0) return start;
  const phrase = rest.reduce(
    (text, step) => `${text} <${step.distance}> ${writeStep(step, isExact)}`,
    start,
  );
  const there = steps.map((step) => writeStep(step, isExact));
  const further = anyOf(steps.map((step) => writeStep(step, isExact, FURTHER)));
  return `((${phrase}) | ${allOf([...new Set(there), further])})`;
}

function writeStep({ lexemes, isPrefix }: Step, isExact: boolean, label = ''): string {
  const flags = `${isPrefix ? '*' : ''}${label}`;
  const some = isExact ? lexemes.slice(0, 1) : lexemes;
  return anyOf(some.map((lexeme) => `${quoted(lexeme)}${flags && `:${flags}`}`));
}
