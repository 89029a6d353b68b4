import { type CronExpression, CronExpressionParser } from 'cron-parser';

/** The parser takes more than that, such as seconds and random times. */
const NICKNAME = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/;
const CHARACTERS = /^[\d*,/#L-]+$/;
const NAMES = /jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat/gi;

const FIELDS = [
  { key: 'minute', name: 'minute', range: '0 to 59' },
  { key: 'hour', name: 'hour', range: '0 to 23' },
  { key: 'dayOfMonth', name: 'day of month', range: '1 to 31' },
  { key: 'month', name: 'month', range: '1 to 12' },
  { key: 'dayOfWeek', name: 'day of week', range: '0 to 7' },
] as const;

const FIVE =
  'must have five fields: minute, hour, day of month, month, day of week, such as "0 9 * * 1"';

/** What is wrong with a cron expression; undefined: nothing. */
export function refusedCron(cron: string): string | undefined {
  if (NICKNAME.test(cron)) return undefined;
  const fields = cron.split(' ');
  if (fields.length !== 5 || fields.includes('')) return FIVE;
  const wrong = fields.find((field) => !CHARACTERS.test(field.replace(NAMES, '0')));
  if (wrong !== undefined) return `has ${JSON.stringify(wrong)}, which is no field of a cron`;
  const place = fields.findIndex((field, at) => !isField(field, at));
  if (place !== -1) return refusedField(fields[place]!, place);
  try {
    parseCron(cron, new Date()).next();
    return undefined;
  } catch {
    return 'never runs: none of its months has such a day';
  }
}

function refusedField(field: string, place: number): string {
  const { name, range } = FIELDS[place]!;
  return (
    `has ${JSON.stringify(field)}, which is no ${name}: take numbers from ${range}, or lists, ` +
    'ranges and steps of them'
  );
}

/**
 * Times of it in UTC, after a moment.
 *
 * @throws the parser's error
 */
export function parseCron(cron: string, currentDate: Date): CronExpression {
  const told = cron === '@midnight' ? '@daily' : cron.split(' ').map(withoutRepeats).join(' ');
  return CronExpressionParser.parse(told, { currentDate, tz: 'UTC' });
}

/** The parser refuses a list that has a value twice, such as `1-5,3-7`. */
function withoutRepeats(field: string, place: number): string {
  const parts = field.split(',');
  if (parts.length === 1 || parts.includes('') || field.includes('#')) return field;
  const values = parts.flatMap((part) => valuesOf(part, place));
  const isDayOfWeek = FIELDS[place]?.key === 'dayOfWeek';
  return [...new Set(values.map((value) => (isDayOfWeek && value === 7 ? 0 : value)))].join(',');
}

function isField(field: string, place: number): boolean {
  try {
    return valuesOf(withoutRepeats(field, place), place).length > 0;
  } catch {
    return false;
  }
}

/** @throws the parser's error */
function valuesOf(field: string, place: number): (number | string)[] {
  const alone = FIELDS.map((_, at) => (at === place ? field : '*')).join(' ');
  return CronExpressionParser.parse(alone).fields[FIELDS[place]!.key].values;
}
