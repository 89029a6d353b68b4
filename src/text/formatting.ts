import { withoutInvisible } from './invisible.ts';

/**
 * Codes that format a text and are no text themselves: IRC's (bold, colours `^C04,12`, hex colours
 * `^D00ff00`, resets) and a terminal's (`ESC[31m`, links, single escapes). None takes a whole line:
 * what is broken off costs its first characters alone.
 */
const codes = [
  String.raw`\x03(?:\d{1,2}(?:,\d{1,2})?)?`,
  String.raw`\x04(?:[\da-fA-F]{6}(?:,[\da-fA-F]{6})?)?`,
  String.raw`(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,4}[@-~]`,
  String.raw`(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]{0,2048}(?:\x07|\x1b\\|\x9c)`,
  String.raw`\x1b[ -/]{0,4}[0-Z\\^-~]`,
];

const CODES = new RegExp(codes.join('|'), 'g');

/**
 * Codes and what else is within words without being a part of them: controls that separate nothing,
 * zero-width characters and marks of direction. Joiners are part of their words.
 */
export const HIDDEN = new RegExp(
  [
    ...codes,
    String.raw`[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f]`,
    String.raw`[\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]`,
  ]
    .map((some) => `(?:${some})+`)
    .join('|'),
  'g',
);

/** The text without IRC's and a terminal's codes. What else can't be seen stays. */
export const withoutCodes = (text: string): string => text.replace(CODES, '');

/**
 * The text as it looks: without codes, other controls, zero-width characters and marks that turn
 * the direction round. What separates lines and words stays, and so do the joiners of emoji and
 * of scripts that have them by right.
 */
export const withoutFormatting = (text: string): string =>
  withoutCodes(text).replace(/[^\t-\r\x85\u2028\u2029]+/g, withoutInvisible);

/** Letters and digits that are written from right to left, and what overrules directions. */
const LEFTWARDS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A name within a sentence of another direction: between U+2068 and U+2069 where it is written from
 * right to left, so that it turns nothing around it round. Others stay as they are.
 *
 * @param name without formatting: see {@link withoutFormatting}
 */
export const isolated = (name: string): string =>
  LEFTWARDS.test(name) ? `\u2068${name}\u2069` : name;
