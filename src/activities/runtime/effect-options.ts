import { LONGEST_DEBOUNCE, mostOf } from '../../db/schema/debounces.ts';
import { refusedName } from '../../events/name.ts';
import { isPattern, refusedPattern } from '../../events/wanted.ts';
import {
  aBoolean,
  aFunction,
  anObject,
  anything,
  aString,
  aWholeNumber,
  checkOptions,
  type Must,
  oneOf,
} from '../../known-members.ts';
import { parseDuration } from '../../text/duration.ts';
import type { DebouncePolicy } from './debounce/decide.ts';
import type { DatabaseEffect, OutsideEffect } from './effect.ts';

/** Default and limit of `batch`. */
export const MOST_EVENTS = 2000;

/** Longest time of a call, in ms. */
const LONGEST_CALL = 24 * 60 * 60_000;

/** What an effect is declared with, once each option is of its type. */
interface Options {
  name: string;
  on: unknown;
  batch?: number | undefined;
  retry?: { attempts?: number | undefined; backoff?: number | undefined } | undefined;
  limit?: { perSecond: number } | undefined;
  perWorkspace?: { concurrency?: number | undefined; perSecond?: number | undefined } | undefined;
  concurrency?: number | undefined;
  ordering?: string | undefined;
  debounce?: object | undefined;
  onPoison?: string | undefined;
  again?: string | undefined;
  settings?: object | undefined;
  transact?: unknown;
  perform?: unknown;
}

/** Where it is `anything`, what it must be is said below. */
const musts = {
  name: anything,
  description: aString,
  on: anything,
  as: oneOf('current', 'stored'),
  retry: anObject,
  timeout: anything,
  batch: anything,
  limit: anObject,
  perWorkspace: anObject,
  concurrency: anything,
  manyTargets: aBoolean,
  waiting: aWholeNumber(0, 100_000),
  ordering: oneOf('none', 'key', 'exclusive'),
  debounce: anObject,
  onPoison: oneOf('block', 'park'),
  again: oneOf('freely', 'asked', 'never'),
  settings: anObject,
  transact: aFunction,
  perform: aFunction,
} satisfies Record<keyof DatabaseEffect | keyof OutsideEffect, Must>;

const members = {
  retry: { attempts: anything, initial: anything, max: anything, backoff: anything },
  limit: { perSecond: anything },
  perWorkspace: { concurrency: anything, perSecond: anything },
  debounce: { by: anything, wait: anything, most: anything },
} satisfies Record<string, Record<string, Must>>;

/**
 * Checks what an effect is declared with, as JavaScript may give it.
 *
 * @throws TypeError if an option is unknown or invalid, or there is nothing to call
 */
export function checkEffect(options: Options): void {
  const { name } = options ?? {};
  const what = `effect "${String(name)}"`;
  checkOptions(what, options, musts);
  for (const [option, known] of Object.entries(members))
    checkOptions(`${what}: \`${option}\``, options[option as 'limit'] ?? {}, known);
  const problem = [
    refusedWork(options),
    refusedSubscription(options),
    refusedOrder(options),
    refusedNumber(options),
    options.perWorkspace && refusedLimit(options.perWorkspace),
    options.settings && !('shape' in options.settings)
      ? '`settings` must be z.object({ VARIABLE: … })'
      : undefined,
  ].find((one) => one !== undefined);
  if (problem !== undefined) throw invalid(name, problem);
}

function refusedWork({ transact, perform }: Options): string | undefined {
  if (!transact && !perform) return 'it has neither `transact` nor `perform`';
  return transact && perform
    ? 'it has both `transact` and `perform`: declare two effects'
    : undefined;
}

function refusedSubscription({ name, on }: Options): string | undefined {
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_-]{0,62}$/.test(name))
    return 'its name must be a lower-case letter, then up to 62 of a-z, 0-9, _ and -';
  if (!Array.isArray(on)) return '`on` must be an array of event types or their names';
  if (on.length === 0) return '`on` is empty; list event types, or "*" for all';
  for (const wanted of on.map(nameOf)) {
    if (typeof wanted !== 'string') return '`on` has something that is no event type and no name';
    const refused = refusedWanted(wanted);
    if (refused) return `\`on\`: ${refused}`;
  }
  return undefined;
}

function refusedOrder({ ordering = 'none', again = 'never', ...options }: Options) {
  const isOrdered = ordering !== 'none';
  if (isOrdered && again !== 'never')
    return 'done again it would be out of order; leave `again` out';
  if (!isOrdered && options.onPoison)
    return '`onPoison` is for ordered effects; set `ordering` too';
  if (isOrdered && options.debounce)
    return '`debounce` is not for ordered effects: what is merged is in no order; leave one out';
  return undefined;
}

function refusedNumber({ batch = MOST_EVENTS, limit, concurrency, retry = {} }: Options) {
  const { attempts = 0, backoff = 1 } = retry;
  if (!isWhole(batch, 1, MOST_EVENTS))
    return `batch ${batch} is not a whole number from 1 to ${MOST_EVENTS}`;
  if (!isWhole(attempts, 0, Number.POSITIVE_INFINITY))
    return `retry.attempts ${attempts} is not a whole number from 0 (without end)`;
  if (!isWithin(backoff, 1, Number.MAX_VALUE)) return `retry.backoff ${backoff} is below 1`;
  if (limit && !isWithin(limit.perSecond, Number.MIN_VALUE, 100_000))
    return `limit.perSecond ${limit.perSecond} is not a number above 0, up to 100000`;
  if (concurrency !== undefined && !isWhole(concurrency, 1, 1000))
    return `concurrency ${concurrency} is not a whole number from 1 to 1000`;
  return undefined;
}

/** What is wrong with a limit of workspaces; undefined: nothing. */
function refusedLimit({ concurrency, perSecond }: NonNullable<Options['perWorkspace']>) {
  if (concurrency === undefined && perSecond === undefined)
    return 'perWorkspace says nothing: it must have concurrency, perSecond or both';
  if (concurrency !== undefined && !isWhole(concurrency, 1, 1000))
    return `perWorkspace.concurrency ${concurrency} is not a whole number from 1 to 1000`;
  if (perSecond !== undefined && !isWithin(perSecond, 0.001, 1_000_000))
    return `perWorkspace.perSecond ${perSecond} is not a number from 0.001 to 1000000`;
  return undefined;
}

function refusedWanted(wanted: string): string | undefined {
  if (!isPattern(wanted)) return refusedName(wanted);
  const refused = refusedPattern(wanted);
  return refused && `"${wanted}" ${refused}`;
}

/** Of an event type, or of what should be one. */
export const nameOf = (type: string | { name: string }): string =>
  typeof type === 'string' ? type : type?.name;

const isWithin = (value: number, least: number, most: number) =>
  Number.isFinite(value) && value >= least && value <= most;

const isWhole = (value: number, least: number, most: number) =>
  Number.isInteger(value) && value >= least && value <= most;

const invalid = (name: string, problem: string) =>
  new TypeError(`effect "${String(name)}": ${problem}`);

/** In ms. @throws TypeError if it is none */
export function duration(name: string, text: string): number {
  const value = typeof text === 'string' ? parseDuration(text) : undefined;
  if (value !== undefined && value > 0) return value;
  throw invalid(name, `${JSON.stringify(text)} is not a duration such as "30s"`);
}

/** In ms. @throws TypeError if it is none, or longer than a call may take */
export function callTime(name: string, text: string): number {
  const value = duration(name, text);
  if (value <= LONGEST_CALL) return value;
  throw invalid(name, `timeout "${text}" is longer than a day`);
}

/** @throws TypeError */
export function debouncePolicy(
  name: string,
  { by, wait, most }: { by: string; wait: string; most?: string | undefined },
): DebouncePolicy {
  if (by !== 'key') throw invalid(name, `debounce.by ${JSON.stringify(by)} must be "key"`);
  const wait_ms = duration(name, wait);
  const most_ms = most === undefined ? mostOf(wait_ms) : duration(name, most);
  for (const [field, value] of Object.entries({ wait: wait_ms, most: most_ms }))
    if (value > LONGEST_DEBOUNCE)
      throw invalid(name, `debounce.${field} of ${value / 1000} s is longer than a day`);
  if (most_ms < wait_ms)
    throw invalid(name, `debounce.most "${most}" is shorter than debounce.wait "${wait}"`);
  return { wait_ms, most_ms };
}
