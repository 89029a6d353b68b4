const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export const count = (n: number): string => whole.format(n);

/** `1 event`, `2,000 events`. */
export const counted = (n: number, noun: string, several = `${noun}s`): string =>
  `${count(n)} ${n === 1 ? noun : several}`;

/** Something a second. */
export function rate(n: number): string {
  if (n > 0 && n < 0.1) return '<0.1';
  return n < 10 ? fine.format(n) : whole.format(n);
}

export const percent = (part: number): string =>
  part > 0 && part < 0.01 ? '<1%' : `${whole.format(part * 100)}%`;

/** A length of time: `34 ms`, `4.2 s`, `12 min`, `3 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds <= 0) return '0 s';
  if (seconds < 1) return `${whole.format(seconds * 1000)} ms`;
  if (seconds < 10) return `${fine.format(seconds)} s`;
  if (seconds < 120) return `${whole.format(seconds)} s`;
  if (seconds < 7200) return `${whole.format(seconds / 60)} min`;
  return seconds < 172_800
    ? `${whole.format(seconds / 3600)} h`
    : `${whole.format(seconds / 86_400)} d`;
}

/** Seconds from one moment to a later one. */
export const since = (from: string, at: string): number =>
  Math.max(0, (Date.parse(at) - Date.parse(from)) / 1000);

/** A moment in this browser's own time. */
export const moment = (at: string): string => moments.format(new Date(at));

export const timeOfDay = (at: string): string => clock.format(new Date(at));

/** How long ago that was, or in how long it will be. */
export function ago(at: string, now = Date.now()): string {
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (Math.abs(seconds) < 2) return 'now';
  return seconds > 0 ? `${span(Math.round(seconds))} ago` : `in ${span(Math.round(-seconds))}`;
}

/** Enough of an id to tell it from its neighbours: UUIDs of one moment begin alike. */
export const short = (id: string): string => (id.length > 13 ? `…${id.slice(-12)}` : id);

/** Event types that somebody takes. */
export const wanted = (types: string[]): string =>
  types.length === 0
    ? 'no event by its type'
    : types.map((type) => (type === '*' ? 'every event' : type)).join(', ');
