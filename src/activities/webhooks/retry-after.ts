/** Longest wait that an endpoint may ask for. */
const DAY_MS = 24 * 60 * 60 * 1000;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The three forms of a date that HTTP knows (RFC 9110, 5.6.7). */
const dates = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
];

/**
 * How long an answer asks to be left in peace, in ms, up to a day. Undefined where it asks for no
 * wait (zero, or a date that is past), or for something that is neither whole seconds nor a date of
 * HTTP's.
 *
 * @param answer.date its own Date: by it a moment is told from now, whatever our clock says
 */
export function askedWait(
  { retryAfter, date }: { retryAfter: string | null; date?: string | null },
  now = Date.now(),
): number | undefined {
  const text = retryAfter?.trim() ?? '';
  if (/^\d+$/.test(text)) return bounded(Number(text) * 1000);
  const until = httpDate(text, now);
  return until === undefined
    ? undefined
    : bounded(until - ((date && httpDate(date.trim(), now)) || now));
}

const bounded = (ms: number) => (ms > 0 ? Math.min(ms, DAY_MS) : undefined);

function httpDate(text: string, now: number): number | undefined {
  const found = dates.map((form) => form.exec(text)?.groups).find(Boolean);
  const month = months.indexOf(found?.month ?? '');
  if (!found || month < 0) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = (found.time ?? '').split(':').map(Number);
  const day = Number(found.day);
  const at = Date.UTC(fullYear(Number(found.year), now), month, day, hours, minutes, seconds);
  // The 31st of February is no date, nor is 25 o'clock; a leap second is.
  const isReal = new Date(at).getUTCDate() === day && hours < 24 && minutes < 60 && seconds < 61;
  return isReal ? at : undefined;
}

/** A year of two digits is the one that lies no more than 50 years ahead. */
function fullYear(year: number, now: number): number {
  if (year >= 100) return year;
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + year;
  return inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury;
}
