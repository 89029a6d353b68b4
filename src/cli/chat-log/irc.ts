import { createClock, moment } from './clock.ts';
import { type ChatMessage, type Parsed, toMessage } from './message.ts';

type Voice = Pick<ChatMessage, 'author' | 'text' | 'voice'>;

const CLOCK = /^\[(\d{1,2}):(\d{2})(?::(\d{2}))?\] ?(.*)$/s;
const DATED = /^\S+ (\d{4}-\d{2}-\d{2}) (?:\[(\d{1,2}):(\d{2})(?::(\d{2}))?\] ?)?(.*)$/s;
/** What clients write about the channel instead of what was said in it. */
const SYSTEM = /^(===|-!-|\*\*\*|-->|<--|--)(\s|$)/;

/**
 * `[hh:mm] <nick> text`, also with seconds. The lines have no dates: the clock tells when a day has
 * passed.
 */
export function ircLayout(date: string): (line: string) => Parsed {
  const clock = createClock(date);
  return (line) => {
    if (line.trim() === '') return { skip: 'blank' };
    if (SYSTEM.test(line)) return { skip: 'system' };
    const [, hours, minutes, seconds = '0', rest] = CLOCK.exec(line) ?? [];
    if (rest === undefined) return { skip: 'unrecognised' };
    return spoken(rest, clock(Number(hours), Number(minutes), Number(seconds)));
  };
}

/**
 * `channel yyyy-mm-dd [hh:mm] <nick> text`, also with seconds. System lines may come without a
 * time.
 */
export function datedIrcLayout(): (line: string) => Parsed {
  return (line) => {
    if (line.trim() === '') return { skip: 'blank' };
    if (SYSTEM.test(line)) return { skip: 'system' };
    const [, date = '', hours, minutes, seconds = '0', rest] = DATED.exec(line) ?? [];
    if (rest === undefined) return { skip: 'unrecognised' };
    if (hours === undefined) return { skip: SYSTEM.test(rest) ? 'system' : 'unrecognised' };
    return spoken(rest, moment(date, Number(hours), Number(minutes), Number(seconds)));
  };
}

/**
 * What stands behind the time: `<nick> text`, ` * nick acts`, `-bot- text` or something the client
 * wrote.
 */
function spoken(rest: string, at: Date | undefined): Parsed {
  if (SYSTEM.test(rest)) return { skip: 'system' };
  const voice = saidBy(rest);
  if (!voice) return { skip: 'unrecognised' };
  if (!at) return { skip: 'bad_time' };
  const metadata = voice.voice === 'said' ? {} : { [voice.voice]: true };
  return toMessage({ ...voice, text: voice.text.trimEnd(), sent_at: at.toISOString(), metadata });
}

function saidBy(rest: string): Voice | undefined {
  const said = /^<([^>]*)>(?: (.*))?$/s.exec(rest);
  // Channel operators and voices carry their sign in front of the nick.
  if (said)
    return {
      author: (said[1] ?? '').replace(/^[\s@+%&~]+/, ''),
      text: said[2] ?? '',
      voice: 'said',
    };
  const action = /^\s*\* (\S+)(?: (.*))?$/s.exec(rest);
  if (action) return { author: action[1] ?? '', text: action[2] ?? '', voice: 'action' };
  const notice = /^-(\S+)-(?: (.*))?$/s.exec(rest);
  return notice ? { author: notice[1] ?? '', text: notice[2] ?? '', voice: 'notice' } : undefined;
}
