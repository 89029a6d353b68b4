import type { Dialect } from './irc.ts';
import { systemKind, type Voice, withoutRank } from './speech.ts';
import { readStamp } from './stamp.ts';

/** Signs in the column of nicks, where nobody speaks. */
const SIGN = /^(-->|<--|--|=!=|[^\p{L}\p{N}_[\]\\^{}|`*]*)$/u;

/**
 * WeeChat: `2014-05-01 23:09:40`, a tab, the nick, a tab, the text. Known by its tabs. `-->`, `<--`
 * and `--` stand for what the channel did, ` *` for an action.
 */
export const weechat: Dialect = {
  name: 'weechat',
  looks: 'yyyy-mm-dd hh:mm:ss⇥nick⇥text',
  bracketed: false,
  stamp(line) {
    const nick = line.indexOf('\t') + 1;
    if (nick === 0 || !line.includes('\t', nick)) return undefined;
    const stamp = readStamp(line.slice(0, nick - 1), false);
    return stamp?.date && stamp.rest === '' ? { ...stamp, rest: line.slice(nick) } : undefined;
  },
  system(body) {
    const [nick, text] = columns(body);
    return SIGN.test(nick) && !notice(nick, text)
      ? systemKind(`${arrow[nick] ?? ''} ${text}`)
      : undefined;
  },
  voice(body) {
    const [nick, text] = columns(body);
    if (nick !== '*')
      return notice(nick, text) ?? { author: withoutRank(nick), text, voice: 'said' };
    const [, author = '', rest = ''] = /^(\S+)(?: (.*))?$/s.exec(text) ?? [];
    return { author: withoutRank(author), text: rest, voice: 'action' };
  },
  isOwn: (line) => /^[\d-]{10} [\d:]{8}\t[^\t]*\t/.test(line),
};

/** What the arrows say where the words are of another language. */
const arrow: Record<string, string> = { '-->': 'joined' };

function columns(body: string): [nick: string, text: string] {
  const tab = body.indexOf('\t');
  return [body.slice(0, tab).trim(), body.slice(tab + 1)];
}

function notice(nick: string, text: string): Voice | undefined {
  const [, author, said] = (nick === '--' && /^Notice\(([^\s()]+)\): (.*)$/s.exec(text)) || [];
  return author ? { author, text: said ?? '', voice: 'notice' } : undefined;
}
