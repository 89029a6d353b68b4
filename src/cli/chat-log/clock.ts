const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * A moment in UTC, or undefined where the calendar or the clock has no such moment (`2009-02-31`,
 * `25:10`).
 */
export function moment(
  date: string,
  hours: number,
  minutes: number,
  seconds: number,
): Date | undefined {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(date) ? new Date(`${date}T00:00:00Z`) : undefined;
  if (!day || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date)
    return undefined;
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return new Date(day.getTime() + hours * HOUR + minutes * MINUTE + seconds * 1000);
}

/**
 * The date in a file's name, such as `2009-02-23` in `ubuntu-2009-02-23_10.txt`; also `2009_02_23`
 * and `20090223`.
 */
export function dateInName(name: string): string | undefined {
  for (const [, year, , month, day] of name.matchAll(
    /(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)/g,
  )) {
    const date = `${year}-${month}-${day}`;
    if (moment(date, 0, 0, 0)) return date;
  }
  return undefined;
}

/**
 * Gives the times of a log that writes no dates their days.
 *
 * A clock that goes back has passed midnight. Up to an hour back it was set instead (daylight
 * saving, a correction), and the day stays. A log that has only shown hours from 1 to 12 and goes
 * from 12 to 1 has a twelve-hour clock: half a day passes.
 *
 * @param date the first line's date, `yyyy-mm-dd`
 * @returns a function from a time of day to its moment; undefined where there is no such time of
 * day
 */
export function createClock(
  date: string,
): (hours: number, minutes: number, seconds: number) => Date | undefined {
  let passed = 0;
  let last = Number.NEGATIVE_INFINITY;
  let lastHour = 0;
  let twelveHours = true;
  return (hours, minutes, seconds) => {
    const first = moment(date, hours, minutes, seconds);
    if (!first) return undefined;
    if (hours === 0 || hours > 12) twelveHours = false;
    if (first.getTime() + passed < last - HOUR)
      passed += twelveHours && lastHour === 12 && hours === 1 ? 12 * HOUR : 24 * HOUR;
    const now = first.getTime() + passed;
    last = Math.max(last, now);
    lastHour = hours;
    return new Date(now);
  };
}
