/** Longest wait that an endpoint may ask for. */
const DAY_MS = 24 * 60 * 60 * 1000;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const weekday = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longWeekday = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const month = '(?<month>[A-Z][a-z]{2})';
const time = String.raw`(?<time>\d\d:\d\d:\d\d)`;

/** The three forms of a date in HTTP (RFC 9110, 5.6.7). */
const dateForms = [
  String.raw`${weekday}, (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT`,
  String.raw`${longWeekday}, (?<day>\d\d)-${month}-(?<year>\d\d) ${time} GMT`,
  String.raw`${weekday} ${month} (?<day>[ \d]\d) ${time} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/**
 * How long a response asks for no further request, in ms, at most a day. Undefined if it asks for
 * no wait, for a date in the past, or for neither whole seconds nor an HTTP date.
 *
 * @param answer.date its Date header: a date in Retry-After counts from there, not from our clock
 */
export const retryAfterMs = (answer: RetryAfter, now = Date.now()): number | undefined =>
  askedWaitMs(answer, now) || undefined;

/** What an answer says of it. */
export interface RetryAfter {
  retryAfter: string | null;
  date?: string | null;
}

/** As {@link retryAfterMs}, but 0 if it asks for no wait, or for a date in the past. */
export function askedWaitMs(
  { retryAfter, date }: RetryAfter,
  now = Date.now(),
): number | undefined {
  const text = retryAfter?.trim() ?? '';
  if (/^\d+$/.test(text)) return bounded(Number(text) * 1000);
  const until = parseHttpDate(text, now);
  if (until === undefined) return undefined;
  const sentAt = date ? parseHttpDate(date.trim(), now) : undefined;
  return bounded(until - (sentAt || now));
}

const bounded = (ms: number) => Math.min(Math.max(ms, 0), DAY_MS);

function parseHttpDate(text: string, now: number): number | undefined {
  const found = dateForms.map((form) => form.exec(text)?.groups).find(Boolean);
  const monthIndex = months.indexOf(found?.month ?? '');
  if (!found || monthIndex < 0) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = (found.time ?? '').split(':').map(Number);
  const day = Number(found.day);
  const at = Date.UTC(fullYear(Number(found.year), now), monthIndex, day, hours, minutes, seconds);
  // Refuses February 31 and 25 o'clock, but takes a leap second.
  const isReal = new Date(at).getUTCDate() === day && hours < 24 && minutes < 60 && seconds < 61;
  return isReal ? at : undefined;
}

/** A year of two digits is at most 50 years ahead. */
function fullYear(year: number, now: number): number {
  if (year >= 100) return year;
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + year;
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
