const HOUR = 3_600_000;

/** How far a clock may seem to go back without having been set back. */
const JITTER = 5 * 60_000;

/** A moment, and whether the zone's clock skipped it or showed it twice. */
export interface Instant {
  /** Milliseconds since 1970. */
  at: number;
  note?: 'time_skipped' | 'time_twice';
}

/**
 * Reads times of a zone's clocks.
 *
 * When clocks are set forward, a time they skipped is read as if they had not been. When they are
 * set back, a time comes twice: it is the first one, unless that is before what came last.
 *
 * @param zone of the IANA database, such as `Europe/Berlin`
 * @returns a function from the clock's time (milliseconds, as if it were UTC) and the last moment
 * @throws RangeError where there is no such zone
 */
export function createZone(zone: string): (wall: number, last: number) => Instant {
  const offset = createOffset(zone);
  return (wall, last) => {
    const before = offset(wall - 24 * HOUR);
    const after = offset(wall + 24 * HOUR);
    const fitting = [...new Set([before, after])].filter((o) => offset(wall - o) === o);
    const [first, second] = fitting.map((o) => wall - o).sort((a, b) => a - b);
    if (first === undefined) return { at: wall - before, note: 'time_skipped' };
    if (second === undefined) return { at: first };
    return { at: first >= last - JITTER ? first : second, note: 'time_twice' };
  };
}

function createOffset(zone: string): (at: number) => number {
  if (zone === 'UTC') return () => 0;
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', era: 'short' },
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  // Offsets change at whole quarters of an hour.
  const known = new Map<number, number>();
  return (at) => {
    const quarter = Math.floor(at / (HOUR / 4)) * (HOUR / 4);
    let found = known.get(quarter);
    if (found === undefined) {
      if (known.size > 10_000) known.clear();
      found = shownBy(format, quarter) - quarter;
      known.set(quarter, found);
    }
    return found;
  };
}

function shownBy(format: Intl.DateTimeFormat, at: number): number {
  const parts = format.formatToParts(at);
  const part = (name: string) => Number(parts.find(({ type }) => type === name)?.value);
  const day = Date.UTC(part('year'), part('month') - 1, part('day'));
  return day + part('hour') * HOUR + part('minute') * 60_000 + part('second') * 1000;
}
