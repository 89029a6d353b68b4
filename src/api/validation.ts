import type { z } from '@hono/zod-openapi';
import { type FieldError, invalid, LISTED } from './problem.ts';

interface Issue {
  code?: string;
  expected?: string;
  values?: unknown[];
  path: PropertyKey[];
  message: string;
  keys?: string[];
  /** What has a bound, such as `number` or `array`; and that bound. */
  origin?: string;
  minimum?: number | bigint;
  maximum?: number | bigint;
}

/** What lies there in what was sent. */
const valueAt = (data: unknown, path: PropertyKey[]): unknown =>
  path.reduce(
    (value, key) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
    data,
  );

/** Kinds of values, as people call them. */
const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
};

/** What is wrong, in our words where the schema has none of its own. */
function messageOf(issue: Issue, data: unknown): string {
  const { code, expected, values, path, message } = issue;
  // Of a field that is there or not, the schema has its own words.
  if (code !== 'custom' && valueAt(data, path) === undefined) return 'is missing';
  if (/^Too (small|big): /.test(message)) return boundOf(issue);
  if (!message.startsWith('Invalid ')) return message;
  if (code === 'invalid_type') return `must be ${kinds[expected ?? ''] ?? expected}`;
  return code === 'invalid_value' ? `must be ${(values ?? []).join(' or ')}` : message;
}

function boundOf({ origin = '', minimum, maximum }: Issue): string {
  const [verb, unit] = { array: ['have', ' entries'], string: ['have', ' characters'] }[origin] ?? [
    'be',
    '',
  ];
  const bound = minimum === undefined ? `at most ${maximum}` : `at least ${minimum}`;
  return `must ${verb} ${bound}${unit}`;
}

/** An issue of zod's as field errors; a field that the schema does not have is named itself. */
function fieldErrors(issue: Issue, data: unknown): FieldError[] {
  const { code, path, keys } = issue;
  const at = path.map(String).join('.');
  if (code !== 'unrecognized_keys') return [{ path: at, message: messageOf(issue, data) }];
  return (keys ?? [])
    .slice(0, LISTED)
    .map((key) => ({ path: at ? `${at}.${key}` : key, message: 'is not a known field' }));
}

/** @throws Problem 422 with the first errors */
export function refuse(issues: Issue[], data: unknown): never {
  const total = issues.reduce(
    (sum, { code, keys }) => sum + (code === 'unrecognized_keys' ? (keys?.length ?? 1) : 1),
    0,
  );
  throw invalid(
    issues.slice(0, LISTED).flatMap((issue) => fieldErrors(issue, data)),
    total,
  );
}

/**
 * What the schema reads of a value that no route has checked.
 *
 * @throws Problem 422 with the first errors
 */
export function readAs<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const read = schema.safeParse(value);
  return read.success ? read.data : refuse(read.error.issues, value);
}
