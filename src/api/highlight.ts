/**
 * How Postgres marks hits: with private-use characters that are taken out of the text first, so that the text can be
 * escaped afterwards without losing the marks, and no text can forge one.
 */
export const MARK = {
  start: '\ue000',
  stop: '\ue001',
  options: 'StartSel=\ue000, StopSel=\ue001, MaxFragments=3, MaxWords=30, MinWords=10, FragmentDelimiter=" … "',
} as const;

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  [MARK.start]: '<mark>',
  [MARK.stop]: '</mark>',
};

/** Makes a headline of Postgres' safe HTML: hits in `<mark>`, everything else escaped. */
export const highlighted = (headline: string): string =>
  headline.replaceAll(/[&<>"'\ue000\ue001]/g, (character) => entities[character] ?? '');
