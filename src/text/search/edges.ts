// Where a long text may be cut.

import { DENSE_SCRIPTS } from './pieces.ts';

/** How far a blank is looked for before something else will do. */
export const FAR = 40;

/** How far the start of a letter is looked for that has more marks than that. */
const FURTHER = 100;

/** The last place up to that one where a text may end. */
export function edgeBefore(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const places = placesIn(text, at - FAR + 1, at);
  for (const end of [/(?<=\S)\s/uy, ...BETWEEN]) {
    const found = places.findLast((place) => matchesAt(end, text, place));
    if (found !== undefined) return found;
  }
  return (
    places.at(-1) ?? placesIn(text, at - FURTHER + 1, at - FAR).at(-1) ?? wholeBefore(text, at)
  );
}

/** The first place from that one where a text may begin, `last` at most. */
export function edgeAfter(text: string, at: number, last: number): number {
  if (at === 0) return 0;
  const places = placesIn(text, at, Math.min(last, at + FAR) - 1);
  for (const start of [/(?<=\s)\S/uy, ...BETWEEN]) {
    const found = places.find((place) => matchesAt(start, text, place));
    if (found !== undefined) return found;
  }
  return placesIn(text, Math.max(at, last - FAR), last).at(-1) ?? last;
}

function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

const LETTER = '[\\p{L}\\p{N}\\p{M}\\p{Cf}]';

/** Between a word and what is none; between two signs of a script without spaces. */
const BETWEEN = [
  new RegExp(`(?<=${LETTER})(?!${LETTER})|(?<!${LETTER})(?=${LETTER})`, 'uy'),
  new RegExp(`(?<=(?=\\p{L})[${DENSE_SCRIPTS}][\\p{M}\\uff9e\\uff9f]{0,8})`, 'uy'),
];

const ASCII = /^[\0-\x7f]*$/;
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Marks of Burmese stand apart as graphemes, and what stacks two letters is between them. */
const TOGETHER = /(?<=[\u1039\u17d2\u1a60])|[\p{M}\p{Cf}\uff9e\uff9f]/uy;

/** The places from one to another that are not within a letter with its marks. */
function placesIn(text: string, from: number, to: number): number[] {
  const first = Math.max(1, from);
  if (to < first) return [];
  if (ASCII.test(text.slice(first - 1, to + 1)))
    return Array.from({ length: to - first + 1 }, (_, i) => first + i);
  // Each look into a long text would take time by its length.
  const start = startNear(text, first - FURTHER);
  const places: number[] = [];
  for (const { index } of graphemes.segment(text.slice(start, to + FURTHER))) {
    const place = start + index;
    if (place > to) break;
    if (place >= first && !matchesAt(TOGETHER, text, place)) places.push(place);
  }
  return places;
}

/** A flag is two signs of these: where one begins shows only from the first of a row. */
const FLAG_SIGN = /^\ud83c[\udde6-\uddff]$/;

/** That place, or the nearest before it that is not within a character, nor in a row of flags. */
function startNear(text: string, at: number): number {
  let start = at <= 0 ? 0 : wholeBefore(text, at);
  while (start > 1 && FLAG_SIGN.test(text.slice(start - 2, start))) start -= 2;
  return start;
}

/** That place, or the one before it between the halves of a character. */
const wholeBefore = (text: string, at: number) =>
  /[\ud800-\udbff]/.test(text.charAt(at - 1)) ? at - 1 : at;
