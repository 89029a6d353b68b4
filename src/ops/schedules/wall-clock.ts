/** What a clock in a zone shows, as ms since 1970 of a clock in UTC that shows the same. */
export type WallTime = number;

/** A change of the clock within this time of a moment is near to it, in ms. */
const NEAR = 3 * 3_600_000;

export interface WallClock {
  /** A time that is shown before all that is shown at a moment or later. */
  before(moment: number): WallTime;
  /**
   * The moments at which the clock shows a time: two where it is put back. Where it is put forward
   * over that time, it is as much later.
   */
  momentsOf(time: WallTime): { moments: [number, ...number[]]; isNearChange: boolean };
}

/** A clock in a zone. @throws RangeError if the zone is unknown */
export function wallClockIn(zone: string): WallClock {
  const format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = (moment: number) => readOffset(format.format(moment));
  return {
    before(moment) {
      const isNearChange = offset(moment - NEAR) !== offset(moment + NEAR);
      return moment + offset(moment) - (isNearChange ? NEAR : 1);
    },
    momentsOf(time) {
      const guess = time - offset(time);
      const before = offset(guess - NEAR);
      const after = offset(guess + NEAR);
      if (before === after) return { moments: [time - before], isNearChange: false };
      const shown = [time - before, time - after].filter((at) => at + offset(at) === time);
      return { moments: [shown[0] ?? time - before, ...shown.slice(1)], isNearChange: true };
    },
  };
}

/** Of a text such as `1/1/2027, GMT+10:30`, in ms. */
function readOffset(text: string): number {
  const [, sign, hours, minutes, seconds] = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  const ms = ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * 1000;
  return sign === '-' ? -ms : ms;
}
