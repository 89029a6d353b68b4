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
  ` ?[/＋+&＆／] ?| - |-| (?:${and}|[和跟与與及と]) |(?<=\\p{sc=Han})[和跟与與及](?=\\p{sc=Han})`,
  'iu',
);

/** What may stand before the last of several: `ada, bob, and cid:`. */
const conjunction = new RegExp(`^(?:[&＆+＋] ?|(?:${and}) |[和跟与與及と] ?)`, 'iu');

/** Finds whom the start of a text addresses. Each counts only if the one before is somebody. */
export function openingsOf(text: string): Opening[] {
  const openings: Opening[] = [];
  part.lastIndex = text.length - text.trimStart().length;
  if (/[@＠﹫]/.test(text.charAt(part.lastIndex))) return [];
  while (openings.length < MOST) {
    const [, words, colon] = part.exec(text) ?? [];
    if (words === undefined) break;
    const named = openings.length > 0 ? words.replace(conjunction, '') : words;
    const joined = named.split(joint);
    const isName = words.split(' ').length <= NAME;
    if (!isName && joined.length === 1) break;
    openings.push({
      readings: isName ? addressed(words) : [],
      joined: named !== words || joined.length > 1 ? joined.map(addressed) : [],
    });
    if (colon !== undefined) break;
  }
  return openings;
}
