/** What a scale's marks are of: each has its own round numbers. */
export type Unit = 'count' | 'seconds' | 'part';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Round lengths of time, in seconds; beyond them whole days. */
const steps = [1, 2, 5, 10, 20, 30];
const hours = [1, 2, 4, 6, 12, 24];
const lengths = [...steps, ...steps.map((n) => n * MINUTE), ...hours.map((n) => n * HOUR)];
const parts = [0.05, 0.1, 0.2, 0.5, 1];

/** One round digit and zeros, not less: 1, 2, 3, 4, 5, 6, 8, 10, 20 … */
function round(n: number): number {
  const ten = 10 ** Math.floor(Math.log10(n));
  return ([1, 2, 3, 4, 5, 6, 8].find((digit) => digit * ten >= n * (1 - 1e-9)) ?? 10) * ten;
}

/**
 * The top of a scale from 0 on which this is the highest value: a round number of its unit, and at
 * least `least`.
 */
export function topOf(highest: number, unit: Unit, least: number): number {
  const n = Math.max(highest, least);
  if (unit === 'part') return parts.find((part) => part >= n) ?? 1;
  if (unit === 'count') return round(n);
  return lengths.find((length) => length >= n) ?? Math.ceil(n / DAY) * DAY;
}

/** How long a past the console shows, and how its moments are marked. */
export type Past = '15m' | '3h' | '24h' | '7d';

export const pasts: Record<Past, { label: string; span: number; step: number; every: number }> = {
  '15m': { label: '15 min', span: 15 * MINUTE, step: 5 * MINUTE, every: 10_000 },
  '3h': { label: '3 h', span: 3 * HOUR, step: HOUR, every: 10_000 },
  '24h': { label: '24 h', span: DAY, step: 6 * HOUR, every: 60_000 },
  '7d': { label: '7 d', span: 7 * DAY, step: DAY, every: 300_000 },
};

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });

/**
 * Round moments of this browser's own time between two, each with what is written there; all in ms.
 */
export function marksOf(from: number, to: number, past: Past): [at: number, label: string][] {
  const step = pasts[past].step * 1000;
  const ahead = new Date(to).getTimezoneOffset() * MINUTE * 1000;
  const first = Math.ceil((from - ahead) / step) * step + ahead;
  const count = Math.max(0, Math.floor((to - first) / step) + 1);
  const text = (at: number) => (past === '7d' ? day : clock).format(at);
  return Array.from({ length: count }, (_, i) => first + i * step).map((at) => [at, text(at)]);
}
