import { monthOf } from './months.ts';

/** A time as a log writes it, in the zone of who kept the log. */
export interface Stamp {
  /** `yyyy-mm-dd`; absent where the line has only a time of day. */
  date?: string;
  hours: number;
  minutes: number;
  /** With a fraction, where the log says one. */
  seconds: number;
  /** `Z` or `+02:00`, where the log says it. */
  offset?: string;
  /** What stands after it. */
  rest: string;
}

const STAMP = new RegExp(
  [
    String.raw`^(?<open>\[)?`,
    String.raw`(?:(?<date>\d{4}[-/.]\d{2}[-/.]\d{2})[T ,]{1,2})?`,
    String.raw`(?<hours>\d{1,2}):(?<minutes>\d{2})(?::(?<seconds>\d{2}(?:[.,]\d{1,9})?))?`,
    String.raw`(?: ?(?<half>[aApP])\.?[mM]\.?)?`,
    String.raw`(?<offset>Z|[+-]\d{2}:?\d{2})?`,
    String.raw`(?<close>\])?(?:[ \t]|(?<=\])|$)(?<rest>.*)$`,
  ].join(''),
  's',
);

/**
 * The time at the start of a line: `[hh:mm]`, `hh:mm:ss`, `[11:58 PM]`, `2014-05-01 23:09:40`,
 * `[2014-05-01T23:09:40+02:00]`. Its parts may be none of a calendar.
 *
 * @param bracketed whether it must stand in brackets
 */
export function readStamp(line: string, bracketed: boolean): Stamp | undefined {
  const found = STAMP.exec(line)?.groups;
  if (!found || (found.open === undefined) !== (found.close === undefined)) return undefined;
  if (bracketed && found.open === undefined) return undefined;
  return {
    date: found.date?.replace(/[/.]/g, '-'),
    hours: inDay(Number(found.hours), found.half?.toLowerCase()),
    minutes: Number(found.minutes),
    seconds: Number(found.seconds?.replace(',', '.') ?? 0),
    offset: found.offset,
    rest: found.rest ?? '',
  };
}

/** A twelve-hour clock has no hour above 12: the calendar refuses what comes of it. */
function inDay(hours: number, half: string | undefined): number {
  if (half === undefined) return hours;
  return hours > 12 ? Number.NaN : (hours % 12) + (half === 'p' ? 12 : 0);
}

const WORD = String.raw`\p{L}[\p{L}\p{M}.॰]{1,14}`;
const CLOCK = String.raw`(?: {1,2}(?<time>\d{1,2}:\d{2}(?::\d{2})?))?(?: \p{Lu}{3,5})? (?<year>\d{4})\b`;
const DATES = [
  String.raw`(?:(?<weekday>\p{L}\S{0,19}) {1,2})?(?:de |d[’'])?(?<month>${WORD}) {1,2}(?<day>\d{1,2})${CLOCK}`,
  String.raw`(?:(?<weekday>\p{L}\S{0,19}) {1,2})?(?<day>\d{1,2})\.? (?<month>${WORD})${CLOCK}`,
  // Without a weekday it could be the day.
  String.raw`(?<weekday>\p{L}\S{0,19}) {1,2}(?<month>(?:Thg? ?)?\d{1,2}[月월]?) {1,2}(?<day>\d{1,2})${CLOCK}`,
].map((pattern) => new RegExp(`^${pattern}`, 'u'));

/** A date as clients mark it: `Mon Jun 01 00:00:19 2015`, `Mon Aug 20 2001`, `20 Aug 2001`. */
export function readLongDate(text: string): { date: string; time?: string } | undefined {
  for (const pattern of DATES) {
    const { month = '', day = '', year = '', time, weekday } = pattern.exec(text)?.groups ?? {};
    const number = monthOf(month, { year, day, weekday });
    if (number)
      return { date: `${year}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`, time };
  }
  return undefined;
}
