/**
 * Clients write the names of months in the language of their user. English is asked first: some
 * short names are another month in another language.
 */
const LANGUAGES =
  'en de fr es it pt nl sv fi pl cs ru tr nb da uk bg el hu ro sk sl et lv lt'.split(' ');

const months = new Map<string, number>();

// Some languages have another form beside a day.
for (const language of LANGUAGES)
  for (const length of ['short', 'long'] as const)
    for (const day of ['numeric', undefined] as const) addNames(language, { month: length, day });

function addNames(language: string, options: Intl.DateTimeFormatOptions): void {
  const format = new Intl.DateTimeFormat(language, { ...options, timeZone: 'UTC' });
  for (let month = 0; month < 12; month += 1) {
    const parts = format.formatToParts(Date.UTC(2000, month, 15));
    const name = folded(parts.find(({ type }) => type === 'month')?.value ?? '');
    for (const one of [name, name.slice(0, 3)]) if (!months.has(one)) months.set(one, month + 1);
  }
}

/** The month of that name, 1 to 12: `Aug`, `août`, `März`, `май`. Undefined where it is none. */
export const monthOf = (name: string): number | undefined => months.get(folded(name));

function folded(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\p{M}.]/gu, '')
    .toLowerCase();
}
