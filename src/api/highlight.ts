import { type SQLWrapper, sql } from 'drizzle-orm';

/**
 * How Postgres marks hits: with private-use characters that are taken out of the text first, so
 * that the text can be escaped afterwards without losing the marks, and no text can forge one.
 */
export const MARK = {
  start: '\ue000',
  stop: '\ue001',
  joint: '\u0001',
  options:
    'StartSel=\ue000, StopSel=\ue001, MaxFragments=3, MaxWords=30, MinWords=10, ShortWord=0, ' +
    'FragmentDelimiter=" … "',
} as const;

/**
 * A text in which words are told apart as the search tells them apart (see src/db/search-text.ts):
 * a joint on either side of whatever is no letter or digit. So `coupon` is marked in
 * `create_coupon`, and no token is long enough to be slow.
 */
export const jointed = (text: SQLWrapper) => sql`regexp_replace(
  translate(${text}, ${MARK.start + MARK.stop + MARK.joint}, '') collate "pg_c_utf8",
    '([^[:alnum:][:space:]]+)', ${`${MARK.joint}\\1${MARK.joint}`}, 'g')`;

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  [MARK.start]: '<mark>',
  [MARK.stop]: '</mark>',
};

/**
 * Makes a headline of Postgres' safe HTML: hits in `<mark>`, everything else escaped, joints taken
 * out.
 */
export const highlighted = (headline: string): string =>
  headline
    .replaceAll(MARK.joint, '')
    .replaceAll(/[&<>"'\ue000\ue001]/g, (character) => entities[character] ?? '');
