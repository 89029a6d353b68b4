import type { Calendar } from './calendar.ts';
import type { LineParser, Parsed, SystemKind } from './message.ts';
import { plain, saidBy, systemKind, type Voice } from './speech.ts';
import { readStamp, type Stamp } from './stamp.ts';

/** A mark of a log: which day, or session, begins or ends. */
export interface Mark {
  kind: 'day' | 'session';
  /** `yyyy-mm-dd`; absent where it says none, or none that can be read. */
  date?: string;
  /** Of day, where it says one. */
  time?: string;
  /** It says a day, but that can't be read. */
  unread?: boolean;
}

/** How one IRC client writes its logs: where it differs from the others. */
export interface Dialect {
  /** The value of `--format`. */
  name: string;
  /** A line as help and errors show it. */
  looks: string;
  /** Whether lines without the time in brackets are none. */
  bracketed: boolean;
  /** Whether it marks each day: then a clock that goes back does not begin a new one. */
  marksDays?: boolean;
  /** The time of a line, where it is written otherwise. */
  stamp?(line: string): Stamp | undefined;
  /** The mark that a line without a time is, or what stands behind its time. */
  mark?(text: string): Mark | undefined;
  /** Lines of the client itself that have no time. */
  unstamped?(line: string): SystemKind | undefined;
  /** What the client itself wrote behind a time. */
  system(body: string): SystemKind | undefined;
  /** Who speaks, where it is written otherwise. */
  voice?(body: string): Voice | undefined;
  /** Whether only this client writes such a line, so that its log is known by it. */
  isOwn?(line: string): boolean;
}

/** Reads the lines of a log in the dialect, one after the other. */
export function ircParser(dialect: Dialect, calendar: Calendar): LineParser {
  return (raw) => {
    const line = plain(raw);
    if (line.trim() === '') return { skip: 'blank' };
    const stamp = (dialect.stamp ?? stampOf(dialect))(line);
    const mark = dialect.mark?.(stamp ? stamp.rest : line);
    if (mark) return marked(mark, calendar);
    if (stamp) return spoken(dialect, stamp, calendar);
    const kind = dialect.unstamped?.(line);
    return kind ? { skip: 'system', system: kind } : { continues: true };
  };
}

const stampOf = (dialect: Dialect) => (line: string) => readStamp(line, dialect.bracketed);

function marked({ kind, date, time, unread }: Mark, calendar: Calendar): Parsed {
  if (date) calendar.mark(date, time);
  else if (kind === 'day') calendar.nextDay();
  else if (unread) calendar.unknownDay();
  return { skip: 'system', system: kind, notes: unread ? ['day_unread'] : [] };
}

function spoken(dialect: Dialect, stamp: Stamp, calendar: Calendar): Parsed {
  const kind = dialect.system(stamp.rest);
  if (kind) return { skip: 'system', system: kind };
  const voice = (dialect.voice ?? saidBy)(stamp.rest);
  if (!voice) return { skip: 'unrecognised' };
  const when = calendar.at(stamp);
  if (!when) return { skip: 'bad_time' };
  const { sent_at, place, notes } = when;
  const metadata = voice.voice === 'said' ? {} : { [voice.voice]: true };
  return { message: { ...voice, sent_at, place, metadata }, notes };
}

/** What clients write about the channel instead of what was said in it. */
const SYSTEM = /^(===|-!-|\*\*\*|-->|<--|--)(\s|$)/;

const system = (text: string) => (SYSTEM.test(text) ? systemKind(text) : undefined);

/**
 * `[hh:mm] <nick> text`, also with seconds, a date or a twelve-hour clock. Known by its lines; what
 * the channel itself did begins with `===`.
 */
export const irc: Dialect = {
  name: 'irc',
  looks: '[hh:mm] <nick> text',
  bracketed: true,
  unstamped: (line) => (/^(===|-!-|\*\*\*)\s/.test(line) ? systemKind(line) : undefined),
  system,
};

const DATED = /^\S+ (\d{4}-\d{2}-\d{2}) (.*)$/s;

/** No time of any day. */
const TIMELESS = { hours: Number.NaN, minutes: Number.NaN, seconds: 0 };

/**
 * `channel yyyy-mm-dd [hh:mm] <nick> text`, also with seconds. System lines may come without a
 * time.
 */
export const ircDated: Dialect = {
  ...irc,
  name: 'irc-dated',
  looks: 'channel yyyy-mm-dd [hh:mm:ss] <nick> text',
  stamp(line) {
    const [, date, behind = ''] = DATED.exec(line) ?? [];
    if (!date) return undefined;
    const stamp = readStamp(behind, true);
    // Without a time nobody can have said it.
    if (!stamp) return { date, ...TIMELESS, rest: SYSTEM.test(behind) ? behind : '' };
    return { ...stamp, date, rest: stamp.rest.replace(/^ /, '') };
  },
};
