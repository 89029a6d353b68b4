import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import ms, { type StringValue } from 'ms';
import type { z } from 'zod';
import { isDecodable, isPasswordEncoded } from '../database-url.ts';
import { parseDuration } from '../text/duration.ts';

/** What schemas are made with. It is an argument: the help tells of settings without loading it. */
export type Zod = typeof z;

/** A process that reads settings, by the `knockon` command that starts it. */
export type Reader = 'api' | 'relay' | 'worker workflows' | 'worker effects';

export type TextSchema = z.ZodType<string | undefined, string | undefined>;

/** What people are told about a setting. */
export interface About {
  readBy: readonly Reader[];
  /** What it means: the line in the help. */
  means: string;
  /** Special values and consequences, in sentences. They stand on the reference page. */
  more?: string;
  /** What it is where it is not set and has no default that could be typed (default `none`). */
  unset?: string;
}

/** A setting: how its text is read, and what people are told about it. */
export interface Setting<S extends z.ZodType = z.ZodType> extends About {
  schema: (z: Zod) => S;
  /** What a value must be, as the end of a sentence: `must be a duration such as "30s"`. */
  must: string;
  /** The default as it would be typed. */
  byDefault?: string;
  /** Whether a process refuses to start without it. */
  isRequired?: boolean;
}

/** Reads a text with a default; `parse` answers undefined for a text that it refuses. */
function parsed<T>(
  byDefault: string,
  must: string,
  about: About,
  parse: (text: string) => T | undefined,
) {
  const schema = (z: Zod) =>
    z
      .string()
      .default(byDefault)
      .transform((text, context) => {
        const value = parse(text);
        if (value !== undefined) return value;
        context.addIssue({ code: 'custom', message: must });
        return z.NEVER;
      });
  return { ...about, schema, must, byDefault: byDefault || undefined };
}

/** Any text, or undefined. */
export const optionalText = (must: string, about: About) => ({
  ...about,
  must,
  schema: (z: Zod) => z.string().optional(),
});

/** A text that `isFine` accepts, or undefined. */
export const checkedText = (must: string, isFine: (text: string) => boolean, about: About) => ({
  ...about,
  must,
  schema: (z: Zod) => z.string().refine(isFine, { message: must }).optional(),
});

/** A text that `isFine` accepts; a process does not start without it. */
export const requiredText = (must: string, isFine: (text: string) => boolean, about: About) => ({
  ...about,
  must,
  isRequired: true,
  schema: (z: Zod) => z.string().refine(isFine, { message: must }),
});

/** A text with a default, that `isFine` accepts. */
export const textOr = (
  byDefault: string,
  must: string,
  about: About,
  isFine: (text: string) => boolean = () => true,
) => parsed(byDefault, must, about, (text) => (isFine(text) ? text : undefined));

/** One of a few words. */
export function choice<const T extends string>(
  words: readonly [T, ...T[]],
  byDefault: NoInfer<T>,
  about: About,
) {
  const quoted = words.map((word) => JSON.stringify(word));
  const must = `must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  const schema = (z: Zod) => z.enum(words, { message: must }).default(byDefault as never);
  return { ...about, schema, must, byDefault: byDefault as string };
}

/** The shortest and the longest that makes sense, as they are typed. */
interface Bounds {
  least?: StringValue;
  /** Default: as long as a timer of Node can wait, in whole days. */
  most?: StringValue;
}

const LONGEST_TIMER = '24d';

/** Whole milliseconds; undefined where it is none, or beyond the bounds. */
function durationWithin(text: string, least: StringValue, most: StringValue): number | undefined {
  const value = Math.round(text.trim() === '0' ? 0 : (parseDuration(text) ?? Number.NaN));
  return value >= ms(least) && value <= ms(most) ? value : undefined;
}

/** A duration in milliseconds. */
export function duration(
  byDefault: StringValue,
  about: About,
  { least = '0s', most = LONGEST_TIMER }: Bounds = {},
) {
  const must = `must be a duration from ${least} to ${most}, such as "${byDefault}"`;
  return parsed(byDefault, must, about, (text) => durationWithin(text, least, most));
}

/** A duration in milliseconds, or null for `off`. */
export function durationOrOff(
  byDefault: StringValue | 'off',
  about: About,
  { least = '1s', most = LONGEST_TIMER }: Bounds = {},
) {
  const example = byDefault === 'off' ? '90d' : byDefault;
  const must = `must be a duration from ${least} to ${most}, such as "${example}", or "off"`;
  return parsed(byDefault, must, about, (text) =>
    text.trim() === 'off' ? null : durationWithin(text, least, most),
  );
}

/** A whole number within bounds. */
export const whole = (byDefault: number, min: number, max: number, about: About) =>
  parsed(String(byDefault), `must be a whole number from ${min} to ${max}`, about, (text) =>
    within(wholeIn(text), min, max),
  );

/** A port, 0 included, or null where it is not set. */
export function optionalPort(about: About) {
  const must = 'must be a whole number from 0 to 65535';
  return parsed('', must, about, (text) => (text === '' ? null : within(wholeIn(text), 0, 65_535)));
}

/** Written in digits: `0x50` and `1e3` are no whole numbers. */
const wholeIn = (text: string) => (/^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN);

const within = (n: number, min: number, max: number) =>
  Number.isInteger(n) && n >= min && n <= max ? n : undefined;

/** A URL with one of these protocols, or undefined. */
export const optionalUrl = (protocols: string[], example: string, about: About) =>
  checkedText(
    `must be a URL such as ${example}`,
    (text) => URL.canParse(text) && isDecodable(text) && protocols.includes(new URL(text).protocol),
    about,
  );

/** The same for a URL that may hold a password. What is wrong with that is said first. */
export const withPassword = <S extends TextSchema>(setting: Setting<S>) => ({
  ...setting,
  schema: (zod: Zod) =>
    zod
      .string()
      .refine(isPasswordEncoded, {
        message:
          'must percent-encode what is special in its user and password (%40 for @, %2F for /, ' +
          '%3F for ?, %23 for #): it has a #, or an @ behind its host',
      })
      .optional()
      .pipe(setting.schema(zod)),
});

const listOf = (must: string, about: About, isFine: (entry: string) => boolean) =>
  parsed('', must, about, (text) => {
    const entries = text.split(/[\s,]+/).filter(Boolean);
    return entries.every(isFine) ? entries : undefined;
  });

/** Networks; an empty list by default. */
export const cidrs = (about: About) =>
  listOf('must be a list of CIDRs such as "10.0.0.0/8, ::1/128"', about, (entry) =>
    ipaddr.isValidCIDR(entry),
  );

/** Addresses with or without a port; an empty list by default. */
export const nameServers = (about: About) =>
  listOf('must be a list of addresses such as "10.0.0.53, [2001:db8::53]:5353"', about, (text) => {
    const [, six, four = text, port = '53'] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
    return isIP(six ?? four) !== 0 && within(Number(port), 1, 65_535) !== undefined;
  });

/** A number of things in a window of whole seconds, or null for `off`. */
export const quota = (byDefault: string, things: string, examples: string, about: About) =>
  parsed(
    byDefault,
    `must be ${things} and a window in whole seconds from 1s to ${LONGEST_TIMER}, ` +
      `such as ${examples}, or "off"`,
    about,
    (text) => {
      if (text.trim() === 'off') return null;
      const [, count, window] = /^\s*(\d{1,9})\s*\/\s*(\d*\s*[a-z]+)\s*$/.exec(text) ?? [];
      if (window === undefined) return undefined;
      const each = /^\d/.test(window) ? window : `1${window}`;
      const seconds = (durationWithin(each, '1s', LONGEST_TIMER) ?? Number.NaN) / 1000;
      const isFine = Number(count) >= 1 && Number.isInteger(seconds);
      return isFine ? { requests: Number(count), seconds } : undefined;
    },
  );
