import { type Calendar, createCalendar, datesInName, dayAfter } from './calendar.ts';
import { eggdrop } from './eggdrop.ts';
import { type Dialect, irc, ircDated, ircParser } from './irc.ts';
import { irssi } from './irssi.ts';
import type { LineParser } from './message.ts';
import { mirc } from './mirc.ts';
import { weechat } from './weechat.ts';
import { znc } from './znc.ts';

/**
 * The IRC clients whose logs are understood. Of two that read a log alike, the first one has it.
 */
export const DIALECTS: Dialect[] = [irc, ircDated, znc, irssi, weechat, mirc, eggdrop];

/** The values of `--format`. `json` is what `--map` reads. */
export const FORMATS = [
  ...['irc', 'irc-dated', 'znc', 'irssi', 'weechat', 'mirc', 'eggdrop'],
  ...['jsonl', 'slack', 'json'],
] as const;
export type Format = string;

/** What tells a log's day: an option, its name, or a mark in it. */
export interface DayOptions {
  name: string;
  date?: string;
  zone?: string;
}

/** The parser of a log that begins with these lines. */
export function logParser(dialect: Dialect, sample: string[], options: DayOptions): LineParser {
  const { name, date, zone } = options;
  const [named, ...others] = datesInName(name);
  const first = date ?? named ?? markedDay(dialect, sample);
  const isOneDay = named !== undefined && others.length === 0;
  const staysInDay = dialect.marksDays === true || isOneDay;
  return ircParser(dialect, createCalendar({ first, staysInDay, isOneDay, zone }));
}

/**
 * A log that does not begin with a mark was cut off: what is before a new day is the day before.
 */
function markedDay(dialect: Dialect, sample: string[]): string | undefined {
  let found: string | undefined;
  let unknown = false;
  const calendar: Calendar = {
    at: () => undefined,
    mark: (date) => {
      found ??= date;
    },
    nextDay: () => {},
    unknownDay: () => {
      unknown = true;
    },
  };
  const parse = ircParser(dialect, calendar);
  let spoken = false;
  for (const line of sample) {
    const parsed = parse(line);
    // What comes after a session of an unknown day may be of any year.
    if (unknown) return undefined;
    if (found) return spoken ? dayAfter(found, -1) : found;
    if ('skip' in parsed && parsed.skip === 'bad_time') spoken = true;
  }
  return undefined;
}

/** How many of the lines a dialect understands; what only its client writes counts twice. */
export function score(dialect: Dialect, lines: string[]): number {
  const parse = ircParser(dialect, createCalendar({ first: '2000-01-01', staysInDay: true }));
  return lines.reduce((sum, line) => {
    const parsed = parse(line);
    if ('continues' in parsed) return sum;
    if ('skip' in parsed && parsed.skip === 'unrecognised') return sum;
    return sum + (dialect.isOwn?.(line) ? 2 : 1);
  }, 0);
}
