import type { Dialect } from './irc.ts';
import { systemKind } from './speech.ts';

const OWN = /^\*\*\* /;

/**
 * ZNC's log module: `[13:58:10] <nick> text`, a file a day. Known by `***` before what the channel
 * did (`*** Joins: nick (user@host)`).
 */
export const znc: Dialect = {
  name: 'znc',
  looks: '[13:58:10] <nick> text',
  bracketed: true,
  system: (body) => (OWN.test(body) ? systemKind(body) : undefined),
  isOwn: (line) => /^\[[\d:]{5,8}\] \*\*\* (Joins|Parts|Quits): /.test(line),
};
