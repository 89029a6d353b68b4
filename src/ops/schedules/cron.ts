import { closest } from 'fastest-levenshtein';
import { parseCron } from './cron-fields.ts';
import { wallClockIn } from './wall-clock.ts';

/** When a schedule runs. */
export interface Timetable {
  /** Five fields: minute, hour, day of month, month, day of week; or such as `@daily`. */
  cron: string;
  /** IANA name of its zone. */
  zone: string;
}

/** What is wrong with the name of a zone; undefined: nothing. */
export function refusedZone(zone: string): string | undefined {
  try {
    // Offsets such as +01:00 are taken too, and know of no summer.
    if (/^[A-Za-z]/.test(zone)) return void new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    // Told below.
  }
  const near = closest(zone, [...Intl.supportedValuesOf('timeZone'), 'UTC']);
  return `is no time zone; did you mean ${near}? Take a name such as Europe/Berlin`;
}

/** The moments of a timetable from one on, that one included. Without end. */
export function* timesFrom(timetable: Timetable, from: Date): Generator<Date> {
  for (const moment of momentsNear(timetable, from.getTime()))
    if (moment >= from.getTime()) yield new Date(moment);
}

/**
 * The moments of a timetable, from one on and some before it. The cron says what the clock shows. A
 * time that is shown twice counts once, unless the cron is of every hour. So what a run is does not
 * depend on where one begins to look.
 */
function* momentsNear({ cron, zone }: Timetable, from: number): Generator<number> {
  const clock = wallClockIn(zone);
  const times = parseCron(cron, new Date(clock.before(from)));
  const isOfEveryHour = times.fields.hour.values.length === 24;
  // Near a change of the clock, later times may come earlier.
  let held: number[] = [];
  for (;;) {
    const { moments, isNearChange } = clock.momentsOf(times.next().getTime());
    held.push(...(isOfEveryHour ? moments : moments.slice(0, 1)));
    if (isNearChange) continue;
    yield* [...new Set(held)].sort((a, b) => a - b);
    held = [];
  }
}

/** The first moment after one. */
export const firstAfter = (timetable: Timetable, moment: Date): Date =>
  firstOf(timesFrom(timetable, new Date(moment.getTime() + 1)), 1)[0]!;

/** The moments of a timetable between two, both included, oldest first; so many at most. */
export function timesBetween(timetable: Timetable, from: Date, to: Date, most: number): Date[] {
  const found: Date[] = [];
  for (const time of timesFrom(timetable, from)) {
    if (time > to || found.length >= most) break;
    found.push(time);
  }
  return found;
}

/** The first so many. */
export function firstOf(times: Iterable<Date>, count: number): Date[] {
  const found: Date[] = [];
  for (const time of times) {
    found.push(time);
    if (found.length >= count) break;
  }
  return found;
}
