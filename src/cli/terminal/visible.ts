import { randomInt } from 'node:crypto';

/** Stands before each style of ours: nobody who sends us text knows it. It has no width either. */
const MARK = `\u001b[${Array.from({ length: 3 }, () => randomInt(1000, 10_000)).join(';')}m`;

/** A style as {@link marked} writes it, its code within. */
const OURS = `${MARK.replace('[', '\\[')}(\u001b\\[\\d+m)`;

/** What a terminal obeys, and what turns the text around it. */
const OBEYED = /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u.source;

const inTexts = new RegExp(`${OURS}|(?![\\n\\t])(?:${OBEYED})`, 'gu');
const inValues = new RegExp(`${OURS}|${OBEYED}`, 'gu');

/** Codes of colours and weights, so that {@link visible} knows them for ours. */
export const marked = (codes: string): string => codes.replaceAll('\u001b', `${MARK}\u001b`);

/**
 * Text for a terminal: what is in names, excerpts and errors is shown (`\x1b`, `\u202e`) and does
 * nothing; our own styles alone are obeyed. JSON stays the JSON it is: characters that it may hold
 * as they are become its own escapes.
 */
export const visible = (text: string): string =>
  text.replace(inTexts, (found, code?: string) => code ?? escaped(found));

/** A value within a text: it ends no line, so that it can't pass for one of ours. */
export const oneLine = (value: string): string =>
  value.replace(inValues, (found, code?: string) => (code ? found : escaped(found)));

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x20 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0');
