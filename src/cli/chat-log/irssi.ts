import type { Dialect } from './irc.ts';
import { systemKind } from './speech.ts';
import { readLongDate } from './stamp.ts';

const MARK = /^--- (?:Log (opened|closed)|Day changed) (.{1,60})$/;

/**
 * irssi: `00:02 < nick> text`. Known by its marks (`--- Log opened Mon Jun 01 00:00:19 2015`, `---
 * Day changed`) and by `-!-` before what the channel did.
 */
export const irssi: Dialect = {
  name: 'irssi',
  looks: '00:02 < nick> text',
  bracketed: false,
  marksDays: true,
  mark(text) {
    const [, session, written = ''] = MARK.exec(text) ?? [];
    if (!written) return undefined;
    // The end of a log tells no day of what comes.
    if (session === 'closed') return { kind: 'session' };
    return { kind: session ? 'session' : 'day', ...(readLongDate(written) ?? { unread: true }) };
  },
  system: (body) => (/^-!-(\s|$)/.test(body) ? systemKind(body) : undefined),
  isOwn: (line) => MARK.test(line) || /^\S{1,20} -!- /.test(line),
};
