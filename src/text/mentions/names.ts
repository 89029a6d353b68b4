/** Most characters of a handle, and so of a name that is looked for. */
const LONGEST = 64;

/**
 * Scripts that put no spaces between words: a name may end after any of their letters.
 */
const UNSPACED = 'Hani Hira Kana Bopo Hang Yiii Thai Laoo Khmr Mymr Tibt Java Bali'.split(' ');
const unspaced = new RegExp(
  `(?=[\\p{L}\\p{M}\\p{N}])[${UNSPACED.map((script) => `\\p{scx=${script}}`).join('')}]`,
  'u',
);
const katakana = /[\p{Script=Katakana}ー]/u;

/** Letters of alphabets whose words stand between spaces, digits, and the accents of both. */
const alphabetic =
  /(?![\ufe00-\ufe0f])[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}\p{Mn}]/u;

const letter = /[\p{L}\p{N}\p{M}]/u;

/** Signs that nicks have. */
export const SIGNS = '_\\-\\[\\]\\\\`^{|}';
const inName = new RegExp(`[\\p{L}\\p{N}\\p{M}${SIGNS}]`, 'u');

/** Titles and endings that are put behind a name in the letters of the name. */
const suffix =
  /^-(?:san|sama|kun|chan|senpai|sensei|dono|ssi|shi|nim|hyung|oppa|ji|bhai)(?![\p{L}\p{N}])/iu;

/** Titles that follow a name without a space, where somebody is addressed at the start. */
const title = new RegExp(
  `(?:${suffix.source.slice(1)}|${[
    'さん|さま|様|くん|君|ちゃん|氏|殿|先生|先輩|님|씨|형|누나|언니|오빠|선배님?|선생님',
    '小姐|女士|老师|老師|同学|同學|哥|姐|总|總|ครับ|ค่ะ|คะ',
  ].join('|')})$`,
  'iu',
);

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Whether a word goes on from one letter to the next: a name may hold a full stop. */
function goesOn(before: string, after: string): boolean {
  if (/\p{P}/u.test(before) && !inName.test(before)) return letter.test(after);
  if (!inName.test(before) || !inName.test(after)) return false;
  if (unspaced.test(before) || unspaced.test(after))
    return katakana.test(before) && katakana.test(after);
  const areLetters = letter.test(before) && letter.test(after);
  return !areLetters || alphabetic.test(before) === alphabetic.test(after);
}

/** Whether an @ behind this letter can't begin a mention: as in an e-mail address. */
export const bindsAt = (before: string): boolean =>
  !unspaced.test(before) && alphabetic.test(before);

/** What closes a name, by what stands before its @. */
export const CLOSING: Record<string, string> = {
  '[': ']',
  '{': '}',
  '`': '`',
  '|': '|',
  _: '_',
  '^': '^',
};

/** A name that a text may mean, and where it ends in the text. */
export interface Reading {
  name: string;
  end: number;
}

/**
 * The names that may stand at the start of a run of characters, longest first: up to each place
 * where a name may end. In composed letters, and in those of usual width if they have another.
 *
 * @param run without spaces
 * @param before the character before the @
 * @param from the least length
 */
export function readingsOf(run: string, before: string, from: number): Reading[] {
  const readings: Reading[] = [];
  // Then so are all its parts.
  const isComposed = run.normalize('NFKC') === run;
  for (const end of placesIn(run)) {
    if (end < from || !mayEnd(run, end, before)) continue;
    const written = run.slice(0, end);
    const names = (isComposed ? [written] : spellingsOf(written)).filter(isShortEnough);
    if (names.length === 0) break;
    readings.unshift(...names.map((name) => ({ name, end })));
  }
  return readings;
}

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text);

/** Where each character ends, as people count them. */
function* placesIn(run: string): Generator<number> {
  if (isAscii(run)) for (let end = 1; end <= run.length; end++) yield end;
  else for (const { segment, index } of graphemes.segment(run)) yield index + segment.length;
}

const spellingsOf = (written: string): string[] => [
  ...new Set([written.normalize('NFC'), written.normalize('NFKC')]),
];

const isShortEnough = (name: string) => name.length <= LONGEST || [...name].length <= LONGEST;

function mayEnd(run: string, end: number, before: string): boolean {
  const closing = `-|]}\`${CLOSING[before] ?? ''}`;
  let next = end;
  while (next < run.length && closing.includes(run.charAt(next))) next += 1;
  if (next === run.length) return true;
  if (run.startsWith('--', end)) return true;
  if (run.charAt(end) === '-' && suffix.test(run.slice(end, end + 12))) return true;
  return !goesOn(characterBefore(run, end), String.fromCodePoint(run.codePointAt(next)!));
}

/** Empty at the start. */
export function characterBefore(text: string, at: number): string {
  const unit = text.charAt(at - 1);
  return /[\udc00-\udfff]/.test(unit) && at > 1 ? text.slice(at - 2, at) : unit;
}

/** Of the start of a text: the name as written, then without a title. */
export function addressed(written: string): string[] {
  return [written, written.replace(title, '')]
    .flatMap((name) => [name.normalize('NFC'), name.normalize('NFKC')])
    .filter((name, i, all) => name !== '' && all.indexOf(name) === i);
}

/** Up to where letters of scripts without spaces follow others: the likely name of a stranger. */
export function withoutAttached(name: string): string {
  let end = 0;
  let last = '';
  for (const character of name) {
    const isCut =
      last !== '' && letter.test(last) && unspaced.test(last) !== unspaced.test(character);
    if (isCut && /[\p{L}]/u.test(character)) break;
    end += character.length;
    last = character;
  }
  return name.slice(0, end);
}
