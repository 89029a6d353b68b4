import { withoutCodes } from '../../text/formatting.ts';
import type { ChatMessage, SystemKind } from './message.ts';

export type Voice = Pick<ChatMessage, 'author' | 'text' | 'voice'>;

/** Signs of a nick's rank, and the space that fills its column. */
const RANK = /^[\s@+%&~!]+/;

/**
 * What IRC clients write behind the time: `<nick> text`, ` * nick acts` or `-bot- text`, in the
 * spellings of all of them. Undefined where nobody speaks.
 */
export function saidBy(body: string): Voice | undefined {
  const said = /^<([^>]*)>(?:[ \t](.*))?$/s.exec(body);
  if (said) return { author: withoutRank(said[1]), text: said[2] ?? '', voice: 'said' };
  const action = /^\s*\*[ \t](\S+)(?:[ \t](.*))?$/s.exec(body);
  if (action) return { author: withoutRank(action[1]), text: action[2] ?? '', voice: 'action' };
  const notice = /^-(\S+)-(?:[ \t](.*))?$/s.exec(body);
  if (!notice) return undefined;
  // Clients add where it was said (`-bot:#chan-`) or whence (`-bot(~bot@host)-`).
  const author = /^[^:(]+/.exec(notice[1] ?? '')?.[0];
  return { author: withoutRank(author), text: notice[2] ?? '', voice: 'notice' };
}

export const withoutRank = (nick = ''): string => nick.replace(RANK, '');

/** Bold, italics, underline, reverse and their end. */
const TOGGLES = new RegExp(['\\x02', '\\x0f', '\\x11', '\\x16', '[\\x1d-\\x1f]'].join('|'), 'g');

/** The text without bold, colours and what else IRC and terminals put into a line. */
export function plain(line: string): string {
  return withoutCodes(line).replace(TOGGLES, '');
}

/** Words by which system lines are told apart, in the order in which they are looked for. */
const KINDS: [SystemKind, RegExp][] = [
  ['kick', /\bkicked\b/i],
  ['quit', /\bquits?\b|\bleft irc\b|\bnetsplit\b|\bsigned off\b/i],
  ['join', /\bjoin(s|ed)?\b|\breturned to\b/i],
  ['part', /\bparts?\b|\bleft\b/i],
  ['rename', /\bknown as\b|\bnick(name)? changed?\b/i],
  ['topic', /\btopic\b/i],
  ['mode', /\bmodes?\b|\b(gives|removes) (channel operator|voice|half)/i],
];

/** The kind of a line that is known to be the client's own. */
export function systemKind(text: string): SystemKind {
  const head = text.slice(0, 1000);
  return KINDS.find(([, words]) => words.test(head))?.[0] ?? 'other';
}
