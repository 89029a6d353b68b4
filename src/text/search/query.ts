import { HIDDEN } from '../formatting.ts';
import { addFilter, type Filters, noFilters } from './filters.ts';
import { type Term, termOf } from './terms.ts';

/** A search as people type it, read. */
export interface Query {
  /** A text fits one of these, in all its terms. Empty: nothing but filters. */
  branches: Term[][];
  filters: Filters;
  /** What was typed and has no effect. */
  ignored: string[];
  /** How many words it has, those of phrases and those that are excluded among them. */
  words: number;
}

/** Quotes of all languages, and what may end them. What is not ended ends with the search. */
const quotes: Record<string, string> = {
  '"': '"',
  '＂': '＂',
  '“': '”"',
  '”': '”"',
  '„': '“”"',
  '‟': '”"',
  '«': '»',
  '»': '«»',
  '‹': '›',
  '›': '‹›',
  '「': '」',
  '『': '』',
  '《': '》',
  '〈': '〉',
  '｢': '｣',
  '﹁': '﹂',
  '﹃': '﹄',
  '〝': '〞〟',
};

/** Quotes that are apostrophes too, unless they stand around words. */
const singleQuotes: Record<string, string> = {
  "'": "'",
  '＇': '＇',
  '‘': "’'",
  '’': '’',
  '‚': '‘’',
  '‛': '’',
};
const quoted = [
  ...Object.entries(quotes).map(([open, close]) => `${open}[^${close}]*[${close}]?`),
  ...Object.entries(singleQuotes).map(
    ([open, close]) =>
      `(?<![^\\s:：-])${open}(?:[^\\s${close}]|\\s(?![${open}${close}])|[${close}](?=\\S))+` +
      `[${close}](?!\\S)`,
  ),
].join('|');

/** `-`, the name of a filter, and a quotation or what goes on to the next blank or quotation. */
const TERM = new RegExp(
  `(-?)(?:(from|in|before|after)[:：](?=[^\\s:：]))?(${quoted}|[^\\s“„‟«「『《〈｢﹁﹃〝]+)`,
  'giu',
);

/** Words and UTF-16 units that are read: no search takes so many. */
const MOST_WORDS = 1000;
const LONGEST = 20_000;

/**
 * Reads a search.
 *
 * @param zone whose days `before:` and `after:` mean
 */
export function readQuery(typed: string, zone = 'UTC'): Query {
  const plain = typed.slice(0, LONGEST).replace(HIDDEN, '');
  const query: Query = { branches: [], filters: noFilters(), ignored: [], words: 0 };
  const isOnlyOr = /^\s*or\s*$/i.test(plain);
  let branch: Term[] = [];
  let pendingOr: string | null = null;
  for (const match of plain.matchAll(TERM)) {
    const part = read(match, plain);
    if (query.words >= MOST_WORDS) break;
    if (part.isOr && !isOnlyOr) {
      if (branch.length === 0 || pendingOr !== null) query.ignored.push(part.typed);
      else pendingOr = part.typed;
    } else if (part.filter) {
      const filter = { ...part, name: part.filter };
      if (!addFilter(query.filters, filter, zone)) query.ignored.push(part.typed);
    } else {
      const term = termOf(part.value, part.isQuoted);
      if (!term) {
        query.ignored.push(part.typed);
        continue;
      }
      if (pendingOr !== null) {
        query.branches.push(branch);
        [branch, pendingOr] = [[], null];
      }
      branch.push({ ...term, isExcluded: part.isExcluded });
      query.words += term.sequences[0]!.length;
    }
  }
  if (pendingOr !== null) query.ignored.push(pendingOr);
  if (branch.length > 0) query.branches.push(branch);
  return query;
}

interface Part {
  typed: string;
  value: string;
  filter: string | undefined;
  isExcluded: boolean;
  isQuoted: boolean;
  isOr: boolean;
}

function read(match: RegExpMatchArray, plain: string): Part {
  const [typed, minus = '', filter, raw = ''] = match;
  const close = quotes[raw.charAt(0)] ?? singleQuotes[raw.charAt(0)] ?? '';
  const isClosed = raw.length > 1 && close.includes(raw.at(-1)!);
  const isQuoted = isClosed || raw.charAt(0) in quotes;
  const value = isQuoted ? raw.slice(1, isClosed ? -1 : undefined) : raw;
  const isFirst = match.index === 0 || /\s/u.test(plain.charAt(match.index! - 1));
  const isExcluded = minus === '-' && isFirst && (isQuoted || filter !== undefined || isWord(raw));
  return {
    typed,
    value,
    filter: filter?.toLowerCase(),
    isExcluded,
    isQuoted,
    isOr: minus === '' && !isQuoted && filter === undefined && /^or$/i.test(raw),
  };
}

const NO_WORD = /[\p{N}=:+/\\@#~]|[\p{Ll}]\p{Lu}/u;
const WORD =
  /^(?:(?:\p{sc=Latin}\P{L}*){3}|(?!\p{sc=Latin})(?:\p{L}.|\p{Lo})|\p{ExtPict}|\p{RI})/isu;

/**
 * Whether what follows a `-` is a word that is to be excluded, and not a flag or a number:
 * `-coupon` and `-coupon_code` are; `--force`, `-x`, `-rf`, `-1`, `-Xmx512m` and `-Dkey=value` are
 * not. Two letters are rather flags: who looks for `rm -rf` would not find it, and see no reason.
 */
const isWord = (text: string) => WORD.test(text) && !NO_WORD.test(text);
