import type { Dialect } from './irc.ts';
import type { SystemKind } from './message.ts';
import { systemKind } from './speech.ts';
import { readLongDate } from './stamp.ts';

const SESSION = /^Session (Start|Close|Ident|Time): (.{0,200})$/;

/** What follows the star where nobody acts. */
const SYSTEM = new RegExp(
  [
    String.raw`\S+ \([^\s()@]+@[^\s()]+\) (has joined|has left|Quit|Parts|Joins)\b`,
    '(Joins|Parts|Quits): ',
    '(Now talking (in|on)|Rejoined channel|Attempting to rejoin|You have been|You were kicked|You are now known) ',
    "Topic is '",
    String.raw`Set by \S+ on `,
    String.raw`\S+ (sets mode: |was kicked by |changes topic to ['"]|is now known as \S+$|sets topic: )`,
    '(Disconnected|Retrieving #|Connecting to|Looking up|Dns resolving|Users on|End of /)',
  ]
    .map((part) => `^(?:${part})`)
    .join('|'),
);

/**
 * mIRC: `[16:08] <nick> text`. Known by its sessions (`Session Start: Mon Jan 02 16:07:49 2017`),
 * which say the day, and by a star before what the channel did, as before what people do.
 */
export const mirc: Dialect = {
  name: 'mirc',
  looks: '[16:08] <nick> text',
  bracketed: true,
  mark(text) {
    const [, what, written = ''] = SESSION.exec(text) ?? [];
    if (!what) return undefined;
    if (what !== 'Start' && what !== 'Time') return { kind: 'session' };
    return { kind: 'session', ...(readLongDate(written) ?? { unread: true }) };
  },
  system,
  unstamped: system,
  isOwn(line) {
    const body = line.replace(/^\[[^\]]{4,30}\] /, '');
    // Three stars are ZNC's, too.
    return SESSION.test(line) || (!body.startsWith('***') && system(body) !== undefined);
  },
};

function system(body: string): SystemKind | undefined {
  const [, text] = /^\*{1,3} (.*)$/s.exec(body) ?? [];
  return text !== undefined && (body.startsWith('***') || SYSTEM.test(text))
    ? systemKind(text)
    : undefined;
}
