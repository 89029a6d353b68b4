import { z } from '@hono/zod-openapi';
import { invisibleIn } from '../text/invisible.ts';
import { canBeMentioned } from '../text/mentions/mentions.ts';

/** What Postgres can't store in text: NUL, and halves of surrogate pairs. */
const unstorable = /[\0\p{Cs}]/u;
const unstorableMessage = 'holds a NUL character or a lone surrogate';

/**
 * Characters as people count them (code points), without building an array for the usual short
 * text.
 */
function longerThan(text: string, max: number): boolean {
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  return [...text].length > max;
}

/** Text of `min` to `max` characters (code points) that can be stored as it is. */
export const text = (min: number, max: number) =>
  z
    .string()
    .refine((value) => !unstorable.test(value), { message: unstorableMessage })
    .refine((value) => value.length >= min && !longerThan(value, max), {
      message: `must have ${min} to ${max} characters`,
    })
    .openapi({ type: 'string', minLength: min, maxLength: max });

const NAME =
  'Without control characters, invisible ones and marks that override the direction of text.';

function withoutHidden(value: string, context: z.RefinementCtx): void {
  const found = invisibleIn(value);
  if (found)
    context.addIssue({
      code: 'custom',
      message: `holds ${found}, a control character or one that can't be seen: leave it out`,
    });
}

/** Text of several lines in which everything is seen, and nothing turns the text around it. */
export const visibleText = (min: number, max: number) =>
  text(min, max).superRefine((value, context) =>
    withoutHidden(value.replaceAll(/[\n\r\t]/g, ' '), context),
  );

/**
 * A name of 1 to 255 characters on one line; spaces around it are taken off. What nobody sees, or
 * what turns the text around it, is refused: two names that look alike would be two people. For the
 * same reason letters are composed (NFC). Emoji, and what scripts need between their letters, is
 * fine.
 */
export const name = z
  .string()
  .trim()
  .normalize('NFC')
  .pipe(text(1, 255).superRefine(withoutHidden))
  .openapi({ type: 'string', minLength: 1, maxLength: 255, description: NAME });

/** Who wrote a message: a name. */
export const author = name;

/** Any UUID, whatever its version. */
export const uuid = z
  .guid({ message: 'must be a UUID' })
  .openapi({ format: 'uuid', example: '01995b0e-7c3a-7f6e-9d5b-2f3c4d5e6f70' });

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

function parseMoment(value: string): Date | null {
  const [, year, month, day] = rfc3339.exec(value) ?? [];
  if (!year || Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate())
    return null;
  const moment = new Date(value);
  return moment.getUTCFullYear() <= 2100 ? moment : null;
}

/** A moment with its offset, in the years 1970 to 2100 (UTC), read as a Date. */
export const moment = z
  .string()
  .transform((value, context) => {
    const parsed = parseMoment(value);
    if (parsed && parsed.getUTCFullYear() >= 1970) return parsed;
    context.addIssue({
      code: 'custom',
      message: 'must be a moment such as 2024-01-15T12:00:00Z, offset included, years 1970 to 2100',
    });
    return z.NEVER;
  })
  .openapi({ type: 'string', format: 'date-time', example: '2024-01-15T12:00:00.000Z' });

/**
 * A zone of the IANA database. Short names are refused, but for UTC: `CET` and `IST` mean one thing
 * here and another in Postgres. So are offsets, whose signs it reads the other way round.
 */
export const zone = z
  .string()
  .refine(isZone, { message: 'must be a zone such as Europe/Berlin, or UTC' });

function isZone(name: string): boolean {
  if (!/^(?:UTC|[A-Za-z][\w+-]*(?:\/[\w+-]+)+)$/i.test(name)) return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

const YEAR = 366 * 24 * 60 * 60 * 1000;

/** What Postgres takes for a moment too: it knows no year 0, and no offset of 16 hours. */
const inPostgres = /^(?!0000).*(Z|[+-](0\d|1[0-5]):\d\d)$/;

/** When an event is to be dispatched. What is past means now, and be it a zero time of year 1. */
export const deliverAt = z
  .string()
  .transform((value, context) => {
    const written = value.toUpperCase();
    const parsed = inPostgres.test(written) ? parseMoment(written) : null;
    const isFar = parsed !== null && parsed.getTime() > Date.now() + YEAR;
    if (parsed && !isFar) return new Date(Math.max(0, parsed.getTime()));
    const message = isFar
      ? 'must be at most 366 days ahead'
      : 'must be a moment such as 2027-01-31T09:00:00Z, offset included';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .openapi({
    type: 'string',
    format: 'date-time',
    description:
      'When it is dispatched, up to 366 days ahead. Default, and where that is past: now.',
  });

/** An optional text that may be null, which is like not there: serializers write it so. */
export const unlessNull = <T extends z.ZodType>(schema: T) =>
  schema
    .nullish()
    .openapi({ type: ['string', 'null'] })
    .transform((value) => value ?? undefined);

/** A moment in an answer: RFC 3339, UTC, milliseconds. */
export const timestamp = z
  .string()
  .openapi({ format: 'date-time', example: '2024-01-15T12:00:00.000Z' });

export const keyPrefix = z.string().openapi({
  description: "The key's first characters, to tell keys apart.",
  example: 'kn_3q2-7w',
});

/** A whole number in a query string. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .transform((value, context) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= min && number <= max) return number;
      context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
      return z.NEVER;
    })
    .openapi({ type: 'integer', minimum: min, maximum: max });

/** A message's place or an event's place in its channel, in a query string. */
export const seq = whole(0, Number.MAX_SAFE_INTEGER);

/** A declared or foreign event type's name in a query string. */
export const typeName = z
  .string()
  .max(255)
  .regex(/^[a-z0-9_]+\.[a-z0-9_]+$/, { message: 'must be an event type such as message.created' })
  .openapi({ example: 'message.created' });

const METADATA_BYTES = 16 * 1024;
const METADATA_DEPTH = 32;

/**
 * What Postgres or JSON readers can't keep, and where it is: keys and indices with dots between.
 */
export interface Flaw {
  path: string;
  message: string;
}

/**
 * What is wrong somewhere inside a JSON value, or null. Never goes deeper than the limit, so it
 * can't overflow the stack.
 */
export function flawIn(value: unknown, deepest: number, path = '', depth = 0): Flaw | null {
  const flaw = (message: string) => ({ path, message });
  if (typeof value === 'string') return unstorable.test(value) ? flaw(unstorableMessage) : null;
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : flaw('holds a number too large to be kept');
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= deepest) return flaw(`is nested deeper than ${deepest} levels`);
  for (const [key, inner] of Object.entries(value)) {
    if (unstorable.test(key)) return flaw(unstorableMessage);
    const at = path === '' ? key : `${path}.${key}`;
    const found = flawIn(inner, deepest, at, depth + 1);
    if (found) return found;
  }
  return null;
}

/**
 * A JSON object of the client's own: up to 16 KiB serialised, up to 32 levels deep. Handed on as it
 * came, but for how numbers are written (`1.0` is `1`, `-0` is `0`), and of a key that comes twice
 * the last. Numbers that would become others never get here (see `jsonBody`).
 */
export const metadata = z
  .custom<Record<string, unknown>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    {
      message: 'must be a JSON object',
    },
  )
  .superRefine((value, context) => {
    const tooLarge = () => Buffer.byteLength(JSON.stringify(value)) > METADATA_BYTES;
    const flaw = flawIn(value, METADATA_DEPTH)?.message;
    const message = flaw ?? (tooLarge() ? 'is larger than 16 KiB of JSON' : null);
    if (message) context.addIssue({ code: 'custom', message });
  })
  .openapi({
    type: 'object',
    additionalProperties: true,
    description:
      'A JSON object of your own, up to 16 KiB and 32 levels deep; handed on as it came. ' +
      'Numbers that JSON readers would round (integers beyond 2^53, more than 17 digits) are ' +
      'refused: send them as strings. Integers beyond 2^53 are kept where JavaScript writes the ' +
      'same digits, such as 9007199254740992 and 100000000000000000000.',
    example: { thread: 'deploys' },
  });

/**
 * Whom a mention finds: 1 to 64 characters without spaces, and without the @ in front. Its letters
 * are composed (NFC).
 */
export const handle = z
  .string()
  .normalize('NFC')
  .regex(/^(?![@＠﹫])[^\s\p{Cc}\p{Cs}\p{Co}\p{Cn}]+$/u, {
    message: 'must have no spaces, no control characters and no @ in front',
    abort: true,
  })
  .refine((value) => !longerThan(value, 64), {
    message: 'must have 1 to 64 characters',
    abort: true,
  })
  .superRefine(withoutHidden)
  .refine(canBeMentioned, {
    message:
      'could not be mentioned: must begin with a letter, number, emoji or a sign of nicks, and be ' +
      'no URL',
  })
  .openapi({ type: 'string', minLength: 1, maxLength: 64, example: 'ada' });
