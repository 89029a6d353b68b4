import { withoutInvisible } from '../../text/invisible.ts';

/** One message of a chat log, cleaned and within the API's limits where the reader can tell. */
export interface ChatMessage {
  author: string;
  text: string;
  /** RFC 3339 in UTC; absent where the log has no time. */
  sent_at?: string;
  metadata: Record<string, unknown>;
  /**
   * An action (`* nick waves`) or a notice (`-bot- text`) is said by somebody too, only in another
   * voice.
   */
  voice: 'said' | 'action' | 'notice';
}

/** Why a line is not posted, in the words the summary uses. */
export const SKIP_REASONS = {
  blank: 'nothing on the line',
  system: 'a system line (joins, parts, renames, topics)',
  unrecognised: 'not in the layout of the file',
  empty: 'a message without text',
  no_author: 'a message without an author',
  bad_time: 'a date or time that does not exist',
  bad_json: 'not a JSON object',
  bad_metadata: 'metadata that is not an object',
  inexact: "a number that can't be kept exactly; write it as a string",
  too_long: 'a text of more than 40,000 characters',
  refused: 'refused by the API',
} as const;

export type SkipReason = keyof typeof SKIP_REASONS;

/** What a layout makes of one line. */
export type Parsed = { message: ChatMessage } | { skip: SkipReason };

/** The API's limit, in characters (code points). */
const LONGEST_TEXT = 40_000;

/**
 * A text as the API takes it: without NUL characters, a lone surrogate replaced by U+FFFD. All else
 * stays.
 */
export function clean(text: string): string {
  return Buffer.from(text.replaceAll('\0', '')).toString();
}

/** Puts a message together, or says why it can't be one. */
export function toMessage(message: ChatMessage): Parsed {
  const author = withoutInvisible(clean(message.author)).trim();
  const text = clean(message.text);
  if (author === '') return { skip: 'no_author' };
  if (text.trim() === '') return { skip: 'empty' };
  if (isTooLong(text)) return { skip: 'too_long' };
  return { message: { ...message, author, text } };
}

function isTooLong(text: string): boolean {
  return text.length > LONGEST_TEXT && [...text].length > LONGEST_TEXT;
}
