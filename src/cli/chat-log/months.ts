/**
 * Clients write the names of months in the language of their user. English is asked first: some
 * short names are another month in another language.
 */
const LANGUAGES = (
  'en de fr es it pt nl sv fi pl cs ru tr nb da uk bg el hu ro sk sl et lv lt hr sr bs mk be ' +
  'ca gl eu is id ms az uz kk ka hy he ar hi th ko zh'
).split(' ');

/** Forms of the C library that are no beginnings of the whole names. */
const OTHERS: Record<string, number> = { čen: 6, čec: 7 };

type Names = Map<string, Set<number>>;
const lengths = ['short', 'long'] as const;

/** Made once it is needed: that takes a while. */
function lazily(fill: (names: Names) => void): () => Names {
  const names: Names = new Map();
  return () => {
    if (names.size === 0) fill(names);
    return names;
  };
}

const months = lazily((names) => {
  // Some languages have another form beside a day.
  for (const language of LANGUAGES)
    for (const month of lengths)
      for (const day of ['numeric', undefined] as const) addMonths(names, language, { month, day });
  for (const [name, month] of Object.entries(OTHERS)) add(names, name, month);
});

const weekdays = lazily((names) => {
  for (const language of LANGUAGES)
    for (const weekday of lengths) addWeekdays(names, language, { weekday });
});

function addMonths(names: Names, language: string, options: Intl.DateTimeFormatOptions): void {
  const nameAt = naming(language, options, 'month');
  for (let month = 0; month < 12; month += 1)
    add(names, nameAt(Date.UTC(2000, month, 15)), month + 1);
}

function addWeekdays(names: Names, language: string, options: Intl.DateTimeFormatOptions): void {
  const nameAt = naming(language, options, 'weekday');
  // The second of January 2000 was a Sunday.
  for (let day = 0; day < 7; day += 1) add(names, nameAt(Date.UTC(2000, 0, 2 + day)), day);
}

function naming(
  language: string,
  options: Intl.DateTimeFormatOptions,
  type: 'month' | 'weekday',
): (at: number) => string {
  // Some languages have another calendar, too.
  const format = new Intl.DateTimeFormat(`${language}-u-ca-gregory`, {
    ...options,
    timeZone: 'UTC',
  });
  return (at) => format.formatToParts(at).find((part) => part.type === type)?.value ?? '';
}

/** Adds a name and what it may be shortened to. */
function add(names: Names, given: string, value: number): void {
  const name = folded(given);
  for (let length = Math.min(3, name.length); length <= name.length; length += 1) {
    const one = name.slice(0, length);
    names.set(one, (names.get(one) ?? new Set()).add(value));
  }
}

/** A month as digits: `6月`, `6월`, `Th06`, `Thg 6`, `06`. */
const NUMBERED = /^(?:thg? ?)?(\d{1,2})[月월]?$/;

/** The months of that name, 1 to 12: `Aug`, `août`, `März`, `май`, `6月`. Most likely first. */
function monthsOf(name: string): number[] {
  if (name === '') return [];
  const number = NUMBERED.exec(name.normalize().toLowerCase())?.[1];
  if (number) return Number(number) >= 1 && Number(number) <= 12 ? [Number(number)] : [];
  return [...(months().get(folded(name)) ?? [])];
}

/**
 * The month of that name in a date, 1 to 12; undefined where it is none. What is one month in
 * Polish and another one in Croatian (`lis`) is told apart by the day of the week.
 */
export function monthOf(
  name: string,
  { year, day, weekday = '' }: { year: string; day: string; weekday?: string },
): number | undefined {
  const found = monthsOf(name);
  if (found.length < 2) return found[0];
  const days = weekdays().get(folded(weekday).replace(/,$/, ''));
  const fits = (month: number) =>
    days?.has(new Date(Date.UTC(Number(year), month - 1, Number(day))).getUTCDay());
  return found.find(fits) ?? found[0];
}

function folded(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f.॰]/g, '')
    .toLowerCase();
}
