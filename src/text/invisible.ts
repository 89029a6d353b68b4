/**
 * Scripts whose letters a joiner or non-joiner between them changes: where names have them by
 * right.
 */
const SHAPED = (
  'Arabic Syriac Mandaic Nko Mongolian Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu ' +
  'Kannada Malayalam Sinhala Khmer Myanmar Tibetan Javanese Balinese Thai Lao'
)
  .split(' ')
  .map((script) => `\\p{scx=${script}}`);

/**
 * Scripts that are written from right to left: names that mix them with others have marks of
 * direction by right.
 */
const LEFTWARDS =
  /(?=\p{L})[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * Where what can't be seen belongs to what can: within emoji, between letters of such scripts,
 * after what it is a variant of.
 */
const BELONGING = new RegExp(
  [
    '(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f\\u20e3])\\u200d(?=\\p{Extended_Pictographic})',
    `(?<=[${SHAPED.join('')}])[\\u200c\\u200d](?=[${SHAPED.join('')}])`,
    '\\u{1f3f4}[\\u{e0020}-\\u{e007e}]{1,8}\\u{e007f}',
    '(?<=[\\p{Emoji}\\p{S}])[\\ufe0e\\ufe0f]',
    `(?<=[\\p{Script=Han}${SHAPED.join('')}])[\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]`,
  ].join('|'),
  'gu',
);

const MARKS = /[\u200e\u200f\u061c]/g;

/**
 * Controls, separators of lines, everything that is there to format (but for signs that are drawn
 * around numbers), fillers, variants.
 */
const INVISIBLE =
  /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}])(?:\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\u034f|\u115f|\u1160|\u17b4|\u17b5|[\u180b-\u180f]|\u3164|\uffa0|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}])/u;

const EACH_INVISIBLE = new RegExp(INVISIBLE, 'gu');

/**
 * The first character of a name that nobody would see, or that turns round what comes after it,
 * such as `U+202E`; undefined where there is none.
 */
export function invisibleIn(name: string): string | undefined {
  // Braille has a blank, by right between its letters alone.
  if (/^[\s\u2800]*\u2800[\s\u2800]*$/.test(name)) return 'U+2800';
  if (!INVISIBLE.test(name)) return undefined;
  const [found] = INVISIBLE.exec(withoutBelonging(name)) ?? [];
  return found && `U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

function withoutBelonging(name: string): string {
  const rest = name.replace(BELONGING, '');
  return LEFTWARDS.test(rest) ? rest.replace(MARKS, '') : rest;
}

/** The name as it looks: without what {@link invisibleIn} finds. */
export function withoutInvisible(name: string): string {
  if (!invisibleIn(name)) return name;
  // What belongs is kept apart meanwhile, each as a letter that no text has.
  const kept: string[] = [];
  const isMarked = LEFTWARDS.test(name);
  const keep = (text: string) => `\uffff${kept.push(text) - 1};`;
  const marked = name.replaceAll('\uffff', '').replace(BELONGING, keep);
  return (isMarked ? marked.replace(MARKS, keep) : marked)
    .replace(EACH_INVISIBLE, '')
    .replace(/\uffff(\d+);/g, (_, place: string) => kept[Number(place)] ?? '');
}
