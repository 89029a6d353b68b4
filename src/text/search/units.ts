import { cut, exactForm, withoutIgnorable } from './fold.ts';

/** Syllables of Korean that are taken apart are one. */
const UNIT = new RegExp(
  '(?:[\\u1100-\\u115f\\ua960-\\ua97c][\\u1160-\\u11a7\\ud7b0-\\ud7c6]*[\\u11a8-\\u11ff\\ud7cb-\\ud7fb]*' +
    '|[^])(?:\\p{M}|[\\u200c\\u200d]|[\\uff9e\\uff9f])*',
  'gu',
);

/** Runs of which every character is a sign, and written as it is compared. */
const PLAIN = /^[\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3]*$/;

/** The signs of a run with their marks, as they are compared, and where each ends in the run. */
export function unitsOf(run: string): { signs: string[]; ends: number[] } {
  if (PLAIN.test(run)) return { signs: run.split(''), ends: Array.from(run, (_, i) => i + 1) };
  const isPlain = withoutIgnorable(run.normalize('NFKC')).toLowerCase() === run;
  const units = { signs: [] as string[], ends: [] as number[] };
  let end = 0;
  for (const unit of run.match(UNIT) ?? []) {
    end += unit.length;
    const sign = isPlain ? cut(unit) : exactForm(unit);
    // A filler is a letter that nobody sees.
    if (sign === '') continue;
    units.signs.push(sign);
    units.ends.push(end);
  }
  return units;
}

/** Whether a run is of Korean alone, which has spaces between its words. */
export const isKorean = (run: string): boolean => /^[\uac00-\ud7a3]*$/.test(run);

let segmenter: Intl.Segmenter | undefined;

/** A dictionary takes 5 µs for a character and more: of a run only so much is looked up. */
const LOOKED_UP = 500;

/** The words of a run by the dictionaries of Unicode's library: for ranking, never for finding. */
export function dictionaryWords(run: string): { text: string; start: number; end: number }[] {
  if (isKorean(run)) return [{ text: exactForm(run), start: 0, end: run.length }];
  segmenter ??= new Intl.Segmenter('en', { granularity: 'word' });
  return Array.from(segmenter.segment(run.slice(0, LOOKED_UP)), ({ segment, index }) => ({
    text: exactForm(segment),
    start: index,
    end: index + segment.length,
  }));
}
