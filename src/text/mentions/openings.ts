import { addressed } from './names.ts';

/** People whom a message is addressed to at its start: `ada, bob:`. */
export interface Opening {
  /** Readings of the whole as one name: `Anna Lee`. */
  readings: string[];
  /** If nobody is so called: readings of each of several who are joined, `ada/bob`. */
  joined: string[][];
}

/** Most words before a colon or comma, and of one name. */
const NAME = 3;

/** Addressed one after the other. */
const MOST = 8;

const word = '[^\\s:：﹕፦,，﹐、､،፣]{1,255}';

/** Words, and the colon or comma that ends them, but not `http://`. */
const part = new RegExp(
  `(${word}(?: ${word}){0,7})[ ]?(?:([:：﹕፦])(?!\\/\\/)|[,，﹐、､،፣])[^\\S\\n]{0,20}`,
  'uy',
);

/** What joins names. */
const and = 'and|und|et|y|e|och|og|en|i|и|ve';
const joint = new RegExp(
  [
    ` ?[/＋+&＆／] ?| - |-| (?:${and}|[和跟與与及と]) `,
    '(?<=[\\p{L}\\p{N}])[和跟與与及](?=[@＠﹫\\p{L}\\p{N}])',
    '(?<=[\\p{sc=Latin}\\p{sc=Han}\\p{N}])と(?=[@＠﹫\\p{sc=Latin}\\p{sc=Han}])',
    '(?<=\\p{L})(?:와|과|이?랑|하고) |(?<=[\\p{L}\\p{M}])(?:และ|กับ)(?=\\p{L})',
  ].join('|'),
  'iu',
);

/** Names that each have their own sign: they are mentions, addressed or not. */
const signed = /^[@＠﹫][^\s/]+(?: [@＠﹫][^\s/]+)*$/u;

/** What may stand before the last of several: `ada, bob, and cid:`. */
const conjunction = new RegExp(`^(?:[&＆+＋] ?|(?:${and}) |[和跟与與及と] ?)`, 'iu');

/** Finds whom the start of a text addresses. Each counts only if the one before is somebody. */
export function openingsOf(text: string): Opening[] {
  const openings: Opening[] = [];
  part.lastIndex = text.length - text.trimStart().length;
  for (let i = 0; i < MOST; i++) {
    const [, words, colon] = part.exec(text) ?? [];
    if (words === undefined) break;
    const named = i > 0 ? words.replace(conjunction, '') : words;
    const opening = openingOf(words, named);
    if (opening) openings.push(opening);
    else if (!signed.test(named)) break;
    if (colon !== undefined) break;
  }
  return openings;
}

/**
 * Null: it is no name, or one that is a mention by its sign.
 *
 * @param named without what joins it to those before
 */
function openingOf(words: string, named: string): Opening | null {
  const joined = named.split(joint).map(withoutSign);
  const isOne = joined.length === 1;
  const isName = words.split(' ').length <= NAME;
  if (isOne && (!isName || withoutSign(named) !== named)) return null;
  return {
    readings: isName ? addressed(withoutSign(words)) : [],
    joined: named !== words || !isOne ? joined.map(addressed) : [],
  };
}

const withoutSign = (name: string) => name.replace(/^[@＠﹫]/u, '');
