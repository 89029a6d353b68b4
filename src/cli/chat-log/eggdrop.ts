import type { Dialect } from './irc.ts';
import type { SystemKind } from './message.ts';
import { saidBy, systemKind } from './speech.ts';
import { readLongDate } from './stamp.ts';

const DAY = /^--- (.{1,60})$/;
/** Such as `--- Mon Aug 20 2001`, in any language. */
const ANY_DAY = /^--- \S{1,20} +\S{1,20} +\d{1,2} \d{4}$/;
const ACTION = /^Action: (\S+)(?: (.*))?$/s;

const SYSTEM = new RegExp(
  [
    String.raw`\S+ \([^\s()@]+@[^\s()]+\) (joined|left|got|returned|rejoined)\b`,
    'Nick change: ',
    String.raw`[#&!+]\S+: mode change '`,
    'Topic changed on ',
    String.raw`\S+ kicked from `,
    String.raw`@?[#&!+]\S+ \(`,
    'Switching logfiles',
  ]
    .map((part) => `^(?:${part})`)
    .join('|'),
);

/**
 * eggdrop: `[00:02] <nick> text`. Known by `Action: nick waves`, by the mark of each day (`[00:00]
 * --- Mon Aug 20 2001`) and by how it tells of the channel (`Nick change: …`).
 */
export const eggdrop: Dialect = {
  name: 'eggdrop',
  looks: '[00:02] <nick> text',
  bracketed: true,
  marksDays: true,
  mark(text) {
    const day = readLongDate(DAY.exec(text)?.[1] ?? '');
    if (!day && !ANY_DAY.test(text)) return undefined;
    return { kind: 'day', ...(day ?? { unread: true }) };
  },
  system: kindOf,
  voice(body) {
    const [, author = '', text = ''] = ACTION.exec(body) ?? [];
    return author ? { author, text, voice: 'action' } : saidBy(body);
  },
  isOwn(line) {
    const body = line.replace(/^\[[^\]]{4,30}\] /, '');
    return body !== line && (ACTION.test(body) || kindOf(body) !== undefined || DAY.test(body));
  },
};

function kindOf(body: string): SystemKind | undefined {
  return SYSTEM.test(body) ? systemKind(body) : undefined;
}
