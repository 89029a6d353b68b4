import type { ControlContext } from '../controls/controls.ts';
import type { VerifyOptions } from '../status/verify.ts';

/** One thing that was looked at. */
export interface Finding {
  check: string;
  ok: boolean;
  /** What was found. */
  detail: string;
  /** What to do; null where nothing is wrong. */
  remedy: string | null;
}

/** What the doctor looks at, and what is taken for ill. */
export interface DoctorContext extends ControlContext {
  running: VerifyOptions['running'];
  /** The version of the process that asks. */
  version: string;
  /** How long an event may wait for its dispatch, in ms. */
  readyAgeMs: number;
  /** How long a subscriber may be paused, in ms. */
  pausedTooLongMs: number;
  /**
   * The address of a proxy that forwards requests and is not named in the settings; null where none
   * is known.
   */
  unnamedProxy?: () => string | null;
}

export const pass = (check: string, detail: string): Finding => ({
  check,
  ok: true,
  detail,
  remedy: null,
});

export const fail = (check: string, detail: string, remedy: string): Finding => ({
  check,
  ok: false,
  detail,
  remedy,
});

/** A time in words: `40 s`, `12 min`, `3 h`. */
export function age(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
