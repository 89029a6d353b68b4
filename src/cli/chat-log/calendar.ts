import { createZone } from '../../text/zone.ts';
import { monthOf } from './months.ts';
import type { Stamp } from './stamp.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Midnight is passed in the file of one day only by so much: more is a clock that was set back. */
const PAST_MIDNIGHT = 3 * HOUR;

/** In place of a day that can't be read: no time is of it. */
const NO_DAY = '';

/** What was peculiar about a line that was read. */
export type Note =
  | 'clock_back'
  | 'time_skipped'
  | 'time_twice'
  | 'other_encoding'
  | 'went_on'
  | 'not_notified'
  | 'day_unread'
  | 'fallback_encoding';

/** When a line was written. */
export interface When {
  /** RFC 3339 in UTC. */
  sent_at: string;
  /** As the log says it, so that it stays the same when the log is read in another zone. */
  place: string;
  notes: Note[];
}

/** Gives the times of a log their days, and their moments. */
export interface Calendar {
  /** Undefined where the calendar or the clock has no such time. @throws MissingDay */
  at(stamp: Omit<Stamp, 'rest'>): When | undefined;
  /** A mark in the log: what comes is of that day, and after that time of it. */
  mark(date: string, time?: string): void;
  /** A mark of a new day, of which it can't be read which one it is: what comes is a day later. */
  nextDay(): void;
  /**
   * A mark of a session, of which the day can't be read. What comes has no day until the next mark,
   * unless the log is of one day, or nothing was dated before.
   */
  unknownDay(): void;
}

/** A line has a time of day alone, and nothing has said which day it is. */
export class MissingDay extends Error {
  override name = 'MissingDay';
}

export interface CalendarOptions {
  /** `yyyy-mm-dd` of the first line, where it is known. */
  first?: string;
  /**
   * Whether all is of that day, or of the day that was marked last: then a clock that goes back was
   * set back, or something was played back. Else the next day has begun.
   */
  staysInDay: boolean;
  /** Whether all is of the first day, whatever marks of sessions say. */
  isOneDay?: boolean;
  /** Of the IANA database (default UTC). */
  zone?: string;
}

/**
 * A clock that goes back by up to an hour was set back, and the day stays. A log that has only
 * shown hours from 1 to 12 and goes from 12 to 1 has a twelve-hour clock: half a day passes.
 */
export function createCalendar(options: CalendarOptions): Calendar {
  const { first, staysInDay, isOneDay = false, zone = 'UTC' } = options;
  const instant = createZone(zone);
  const clock = createClock(staysInDay);
  let day = first;
  let previous = Number.NEGATIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  function restart(time?: number): void {
    clock.restart(time);
    previous = Number.NEGATIVE_INFINITY;
  }
  return {
    nextDay() {
      if (day) day = dayAfter(day, 1);
      restart();
    },
    unknownDay() {
      if (!isOneDay && last > Number.NEGATIVE_INFINITY) day = NO_DAY;
    },
    mark(date, time) {
      if (moment(date, 0, 0, 0) === undefined) return;
      day = date;
      const [hours = 0, minutes = 0, seconds = 0] = time?.split(':').map(Number) ?? [];
      restart(time ? moment(date, hours, minutes, seconds) : undefined);
    },
    at({ date, hours, minutes, seconds, offset }) {
      if (!date && day === undefined) throw new MissingDay();
      const written = moment(date ?? day ?? '', hours, minutes, seconds);
      if (written === undefined) return undefined;
      const wall = date ? written : clock.pass(written, hours);
      const { at, note } = offset ? { at: wall - toMs(offset) } : instant(wall, last);
      const notes: Note[] = note ? [note] : [];
      if (at < previous - MINUTE) notes.push('clock_back');
      previous = at;
      last = Math.max(last, at);
      return { sent_at: iso(at), place: placeOf(offset ? at : wall), notes };
    },
  };
}

interface Clock {
  /** Where a time of the first day belongs, in milliseconds. */
  pass(written: number, hours: number): number;
  restart(at?: number): void;
}

function createClock(staysInDay: boolean): Clock {
  let passed = 0;
  let last = Number.NEGATIVE_INFINITY;
  let lastHour = 0;
  let twelveHours = true;
  return {
    restart(at = Number.NEGATIVE_INFINITY) {
      passed = 0;
      last = at;
    },
    pass(written, hours) {
      if (hours === 0 || hours > 12) twelveHours = false;
      const now = written + passed;
      if (now < last - HOUR && twelveHours && lastHour === 12 && hours === 1) passed += DAY / 2;
      else if (staysInDay) passed += inOneDay(now, last, passed);
      else if (now < last - HOUR) passed += DAY;
      lastHour = hours;
      last = Math.max(last, written + passed);
      return written + passed;
    },
  };
}

/** Days to go on, or back, where all should be of one day. */
function inOneDay(now: number, last: number, passed: number): number {
  if (now < last && now + DAY - last <= PAST_MIDNIGHT) return DAY;
  return passed >= DAY && last - (now - DAY) < Math.abs(now - last) ? -DAY : 0;
}

/**
 * A moment in milliseconds, or undefined where the calendar or the clock has no such moment
 * (`2009-02-31`, `25:10`).
 */
export function moment(
  date: string,
  hours: number,
  minutes: number,
  seconds: number,
): number | undefined {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(day) || iso(day).slice(0, 10) !== date) return undefined;
  if (!(hours <= 23 && minutes <= 59 && seconds < 61)) return undefined;
  // A leap second is the last moment of its minute.
  return (
    day + hours * HOUR + minutes * MINUTE + Math.floor(Math.min(seconds, 59.999) * 1000 + 1e-6)
  );
}

const iso = (at: number): string => new Date(at).toISOString();

/** A moment as identities have it: without an offset, and without a fraction that is none. */
export const placeOf = (at: number): string => iso(at).replace('Z', '').replace('.000', '');

function toMs(offset: string): number {
  if (offset === 'Z') return 0;
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(offset) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
}

/** The day before or after a date. */
export function dayAfter(date: string, days: number): string {
  return iso(Date.parse(`${date}T00:00:00Z`) + days * DAY).slice(0, 10);
}

/**
 * The days in a file's name, each once, such as `2009-02-23` in `ubuntu-2009-02-23_10.txt`; also
 * `2009_02_23`, `20090223` and `23Feb2009`.
 */
export function datesInName(name: string): string[] {
  const written = [
    ...[...name.matchAll(/(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)/g)].map(
      ([, year, , month, day]) => `${year}-${month}-${day}`,
    ),
    ...[...name.matchAll(/(?<!\d)(\d{1,2})[-_.]?(\p{L}{3,9})[-_.]?(\d{4})(?!\d)/gu)].map(
      ([, day = '', month = '', year = '']) =>
        `${year}-${String(monthOf(month, { year, day }) ?? 0).padStart(2, '0')}-${day.padStart(2, '0')}`,
    ),
  ];
  return [...new Set(written)].filter((date) => moment(date, 0, 0, 0) !== undefined);
}
