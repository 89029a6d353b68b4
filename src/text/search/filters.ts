import { exactForm, foldedForm } from './fold.ts';

/** What narrows a search beside its words. */
export interface Filters {
  /** One of these wrote it; as {@link authorLexeme} has them. */
  from: string[];
  notFrom: string[];
  /** Names or ids of channels: it is in one of these. */
  in: string[];
  notIn: string[];
  /** Sent at this moment or later. */
  since?: Date;
  /** Sent before this moment. */
  until?: Date;
}

export const noFilters = (): Filters => ({ from: [], notFrom: [], in: [], notIn: [] });

/** An author as documents have them: whatever case and accents. No word begins so. */
export const authorLexeme = (name: string): string =>
  `@${foldedForm(exactForm(name.trim().replace(/\s+/gu, ' ')))}`;

/** Takes `from:ada`, `in:general`, `before:2024-01-15`, `after:2024-01`. @returns whether it can */
export function addFilter(
  filters: Filters,
  { name, value, isExcluded }: { name: string; value: string; isExcluded: boolean },
): boolean {
  if (name === 'from')
    filters[isExcluded ? 'notFrom' : 'from'].push(authorLexeme(value.replace(/^@(?=.)/u, '')));
  else if (name === 'in')
    filters[isExcluded ? 'notIn' : 'in'].push(value.replace(/^#(?=.)/u, '').normalize('NFC'));
  else {
    const span = isExcluded ? null : spanOf(value);
    if (!span) return false;
    if (name === 'before') filters.until = earlier(filters.until, span.begin);
    else filters.since = later(filters.since, span.end);
  }
  return true;
}

const earlier = (one: Date | undefined, other: Date) => (one && one < other ? one : other);
const later = (one: Date | undefined, other: Date) => (one && one > other ? one : other);

const DAY = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;

/** A year, a month or a day in UTC, or a moment. `end` is behind it. */
function spanOf(value: string): { begin: Date; end: Date } | null {
  if (MOMENT.test(value)) {
    const begin = new Date(value);
    return isKept(begin) ? { begin, end: new Date(begin.getTime() + 1) } : null;
  }
  const [, year, month, day] = DAY.exec(value) ?? [];
  if (year === undefined) return null;
  const [y, m, d] = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1)];
  const begin = new Date(Date.UTC(y, m, d));
  const isReal = begin.getUTCMonth() === m && begin.getUTCDate() === d;
  const end = new Date(
    day ? Date.UTC(y, m, d + 1) : month ? Date.UTC(y, m + 1) : Date.UTC(y + 1, 0),
  );
  return isReal && isKept(begin) ? { begin, end } : null;
}

const isKept = (moment: Date) => moment.getUTCFullYear() >= 1970 && moment.getUTCFullYear() <= 2100;
