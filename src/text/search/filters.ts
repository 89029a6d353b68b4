import { createZone } from '../zone.ts';
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

/**
 * An author as documents have them: whatever case, accents and apostrophes, and whether with an `@`
 * of their own. No word begins so.
 */
export function authorLexeme(name: string): string {
  const folded = foldedForm(exactForm(name.trim().replace(/\s+/gu, ' ')));
  return `@${folded.replace(/^@(?=.)/u, '').replace(/['’‘](?=.)|(?<=.)['’‘]/gu, '')}`;
}

/** What is typed as a filter: its name, without the colon, and what is behind that. */
interface Typed {
  name: string;
  value: string;
  isExcluded: boolean;
}

/**
 * Takes `from:ada`, `in:general`, `before:2024-01-15`, `after:2024-01`.
 *
 * @param zone whose days are meant
 * @returns whether it can
 */
export function addFilter(
  filters: Filters,
  { name, value, isExcluded }: Typed,
  zone: string,
): boolean {
  if (value.trim() === '') return false;
  if (name === 'from') filters[isExcluded ? 'notFrom' : 'from'].push(authorLexeme(value));
  else if (name === 'in')
    filters[isExcluded ? 'notIn' : 'in'].push(value.replace(/^[#＃](?=.)/u, '').normalize('NFC'));
  else {
    const span = isExcluded ? null : spanOf(value, zone);
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

/** A year, a month or a day of the zone, or a moment. `end` is behind it. */
function spanOf(value: string, zone: string): { begin: Date; end: Date } | null {
  if (MOMENT.test(value)) {
    const begin = new Date(value);
    return isKept(begin) ? { begin, end: new Date(begin.getTime() + 1) } : null;
  }
  const [, year, month, day] = DAY.exec(value) ?? [];
  if (year === undefined) return null;
  const [y, m, d] = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1)];
  const first = new Date(Date.UTC(y, m, d));
  if (first.getUTCMonth() !== m || first.getUTCDate() !== d || !isKept(first)) return null;
  const clock = createZone(zone);
  const beginOf = (...next: [number, number, number?]) => new Date(clock(Date.UTC(...next), 0).at);
  const begin = beginOf(y, m, d);
  if (day) return { begin, end: beginOf(y, m, d + 1) };
  return { begin, end: month ? beginOf(y, m + 1) : beginOf(y + 1, 0) };
}

const isKept = (moment: Date) => moment.getUTCFullYear() >= 1970 && moment.getUTCFullYear() <= 2100;
