import { withoutInvisible } from '../../text/invisible.ts';
import type { Note } from './calendar.ts';

/** One message of a chat log, cleaned and within the API's limits where the reader can tell. */
export interface ChatMessage {
  author: string;
  text: string;
  /** RFC 3339 in UTC; absent where the log has no time. */
  sent_at?: string;
  /** The time as the log says it, for the message's identity. */
  place?: string;
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
  bad_time: 'a date or time that does not exist, or is not known',
  bad_json: 'not a JSON object',
  bad_metadata: 'metadata that is not an object',
  no_message: 'a record that is no message',
  deleted: 'a message that was deleted',
  inexact: "a number that can't be kept exactly; write it as a string",
  too_long: 'a text of more than 40,000 characters',
  refused: 'refused by the API',
} as const;

export type SkipReason = keyof typeof SKIP_REASONS;

/** What a line is that tells of the channel, not of what was said in it. */
export type SystemKind =
  | 'join'
  | 'part'
  | 'quit'
  | 'kick'
  | 'rename'
  | 'mode'
  | 'topic'
  | 'day'
  | 'session'
  | 'other';

export interface Skipped {
  skip: SkipReason;
  /** Of a system line. */
  system?: SystemKind;
}

/** A message, or the reason why there is none. */
export type Parsed = ({ message: ChatMessage } | Skipped) & { notes?: Note[] };

/**
 * What a layout makes of one line. `continues` is a line that belongs to the message before it, if
 * there is one. So a message may still be empty: it is checked once it is whole.
 */
export type LineParser = (line: string) => Parsed | { continues: true };

/** What became of a line, or of several that are one message. */
export type LogLine = {
  /** The first one, from 1. */
  line: number;
  /** Of the file; a record of a JSON document is one. */
  lines: number;
  raw: string;
  /** Its bytes, where they are no UTF-8. */
  foreign?: Uint8Array;
  /** Of a log's last message: any one of these begins what the message may still become. */
  begins?: Uint8Array[];
  notes?: Note[];
} & Parsed;

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
