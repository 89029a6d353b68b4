import type { StringValue } from 'ms';
import type { z } from 'zod';
import type { Database, Transaction } from '../../db/client.ts';
import { LONGEST_DEBOUNCE, mostOf } from '../../db/schema/debounces.ts';
import type { DomainEvent, EventType } from '../../events/index.ts';
import { refusedName } from '../../events/name.ts';
import { isPattern, refusedPattern } from '../../events/wanted.ts';
import { refuseUnknown } from '../../known-members.ts';
import { parseDuration } from '../../text/duration.ts';
import { effectQueue, type OpenOutcome, type RetryPolicy } from '../../transport/dispatch.ts';
import type { DebouncePolicy } from './debounce/decide.ts';
import type { PoisonPolicy } from './ordering/isolate.ts';

/** An outcome, with details for Postgres and the worker's log that enter no history. */
export type Open = OpenOutcome & Aside;

interface Aside {
  /**
   * The beginning of the reason, for histories (default: the whole reason). The rest is only in
   * `last_error` and in the dead letter: what the other side has said may be anything.
   */
  short?: string | undefined;
  /** Who was asked, as `host:port`. */
  host?: string | undefined;
  /** How long that took, in ms. Default: as long as the call. */
  ms?: number | undefined;
}

/** The events that are not done, and why. Nothing or an empty list: all are done. */
export type Answer = Open[] | undefined;

interface Options<S extends OwnSettings, T extends AnyType> {
  /**
   * Lower case, digits, `_` and `-`; names its receipts, its task queue (`effects.<name>`) and its
   * activity. Never change it.
   */
  name: string;
  /** One line: what it is good for. */
  description: string;
  /**
   * Event types or their names, patterns such as `invoice.*` for all of one aggregate, or `*` for
   * all, those declared later included. A name may be declared later, or by the API alone: its
   * events come as soon as it is there. A pattern's payloads are not typed.
   */
  on: T[];
  /**
   * How it gets events of an older version of their type. `current` (default): as the type's
   * `upcast` makes them. `stored`: as they lie in the log.
   */
  as?: 'current' | 'stored' | undefined;
  /** Default 20 tries, 1 s before the second, then `backoff` (2) times as long, up to 10 min. */
  retry?:
    | {
        attempts?: number | undefined;
        initial?: StringValue | undefined;
        max?: StringValue | undefined;
        backoff?: number | undefined;
      }
    | undefined;
  /** Longest time of a call (default 30 s). A call that takes longer is made again. */
  timeout?: StringValue | undefined;
  /** Most events a call (default 2000, and no more). */
  batch?: number | undefined;
  /**
   * Most calls a second, of all workers together (default: no limit). Further calls wait in the
   * queue and use up no tries. A call has up to `batch` events: set that to 1 if each event counts.
   * Workers of one effect must agree, or the last to ask decides.
   */
  limit?: { perSecond: number } | undefined;
  /**
   * What one workspace may take of all workers together: calls at once that have events of it, and
   * events a second (default: no limit). The rest waits and uses up no tries, so that a workspace
   * that floods leaves room for the others. `knockon limit` goes before it.
   */
  perWorkspace?: WorkspaceLimit | undefined;
  /** Calls at once in a worker process (default KNOCKON_CONCURRENCY): more if they mostly wait. */
  concurrency?: number | undefined;
  /** Whether a call may have several targets of one event, `targets` (default: one). */
  manyTargets?: boolean | undefined;
  /** Further calls at once, for those that have called `onlyWaits` (default 0). */
  waiting?: number | undefined;
  /**
   * `key`: the events of each key one after another, in the order of their `seq`, whatever
   * dispatches and workers they come by. A channel is its events' key. `exclusive`: that, and one
   * call at a time for a workspace. Default `none`: calls run side by side, in any order.
   */
  ordering?: 'none' | 'key' | 'exclusive' | undefined;
  /**
   * The last event of a key stands for those before it: the effect is called with it alone, once
   * none has come for `wait`, or the oldest has waited for `most` (default ten times `wait`, a day
   * at most). Events without a key are called at once. Not for ordered effects.
   */
  debounce?: { by: 'key'; wait: StringValue; most?: StringValue | undefined } | undefined;
  /**
   * What an ordered effect does when an event's tries are used up. `block` (default): its key's
   * later events wait until that dead letter is retried or discarded. `park`: the key goes on
   * without it; retried later it comes out of order.
   */
  onPoison?: PoisonPolicy | undefined;
  /**
   * Whether a replay may run completed events again. `freely`: the effect is idempotent, such as a
   * projection. `asked`: only with `--force`; the default of effects that call the outside.
   * `never`: the default of effects that change our database, for they may count, and of ordered
   * ones.
   */
  again?: 'freely' | 'asked' | 'never' | undefined;
  /**
   * Settings of the effect's own: `z.object({ CRM_URL: z.url() })`. The keys are environment
   * variables. They are read when the process starts, and each call is given them as `settings`. A
   * process does not start where one is missing or malformed, nor where the environment has another
   * variable that begins with the effect's name, such as `CRM_ULR` for the effect `crm`.
   */
  settings?: S | undefined;
}

/** What one workspace may take of a subscriber at most. */
export interface WorkspaceLimit {
  /** Calls at once that have events of it: 1 to 1,000. */
  concurrency?: number | undefined;
  /** Events a second; after a rest up to a second's worth comes at once. */
  perSecond?: number | undefined;
}

/** An event type, or its name. */
type AnyType = string | EventType<object>;

/** An event of that type: its payload is typed where `on` has what `defineEvent` returned. */
export type EventOf<T extends AnyType> =
  T extends EventType<infer P> ? DomainEvent & { payload: P } : DomainEvent;

/** The schema of an effect's own settings: `z.object`, by the names of environment variables. */
export type OwnSettings = z.ZodObject | undefined;

/** What its `settings` came to, for an effect that has some. */
type Given<S extends OwnSettings> = S extends z.ZodObject ? { settings: z.output<S> } : unknown;

/** Default and limit of `batch`. */
const MOST_EVENTS = 2000;

/** What every call is given beside its events. */
export interface Call {
  /**
   * The time of this machine's clock. Use it instead of `new Date()`: in a test that skips time it
   * returns the skipped time. Use it for {@link later} only: the clocks of two machines differ.
   */
  now(): Date;
  /** Which try of this very call it is, from 1; the same after one that has used up no try. */
  attempt?: number;
}

/** What a call to the outside is given beside its events. */
export interface OutsideCall extends Call {
  db: Database['db'];
  /** Set when one outside party of the one event is tried again. */
  target: string | undefined;
  /** Set instead of `target` when several are tried again: only if the effect has `manyTargets`. */
  targets?: string[];
  /** The dispatch whose events these are; unset where an order decides which events are next. */
  dispatch_id?: string;
  /** Aborted when the worker stops or the workflow is cancelled. */
  signal: AbortSignal;
  /** Says that from now on the call mostly waits for the outside: the worker takes another one. */
  onlyWaits?(): void;
  /**
   * Set where the events are several workspaces': what is answered with {@link apart} is called
   * again with others of its share alone.
   */
  parts?: boolean;
}

/** An effect that changes our database and nothing else: happens exactly once. */
export interface DatabaseEffect<S extends OwnSettings = undefined, T extends AnyType = string>
  extends Options<S, T> {
  /**
   * Runs in the transaction that holds the receipts: what it writes and the receipts are kept
   * together or not at all. The events are frozen, as the effects of a process share them. Large
   * events come in pages of 2 MB, each in a transaction of its own.
   */
  transact(tx: Transaction, events: EventOf<T>[], call: Call & Given<S>): Promise<Answer | void>;
}

/** An effect that calls the outside: happens at least once; calls carry a stable id. */
export interface OutsideEffect<S extends OwnSettings = undefined, T extends AnyType = string>
  extends Options<S, T> {
  /** Receipts are written after it has answered. Large events come in pages of 2 MB, in turn. */
  perform(events: EventOf<T>[], call: OutsideCall & Given<S>): Promise<Answer | void>;
}

/** A checked effect, with every default filled in. */
export type Effect = (Pick<DatabaseEffect, 'transact'> | Pick<OutsideEffect, 'perform'>) &
  Required<
    Pick<
      Options<OwnSettings, AnyType>,
      'name' | 'description' | 'batch' | 'ordering' | 'onPoison' | 'again'
    >
  > &
  Pick<
    Options<OwnSettings, AnyType>,
    'as' | 'limit' | 'perWorkspace' | 'concurrency' | 'manyTargets' | 'waiting' | 'settings'
  > & {
    /** Names of event types, and patterns. */
    on: string[];
    retry: RetryPolicy;
    timeout_ms: number;
    task_queue: string;
    debounce?: DebouncePolicy;
  };

/** Declares an effect. @throws TypeError if an option is invalid */
export function defineEffect<S extends OwnSettings = undefined, T extends AnyType = string>(
  options: DatabaseEffect<S, T> | OutsideEffect<S, T>,
): Effect {
  refuseUnknownOptions(options);
  check(options);
  const { timeout = '30s', retry = {}, debounce, ...rest } = options;
  const { name, ordering = 'none' } = options;
  return Object.freeze({
    ...rest,
    on: options.on.map(nameOf),
    batch: options.batch ?? MOST_EVENTS,
    ordering,
    onPoison: options.onPoison ?? 'block',
    again: options.again ?? (ordering === 'none' && 'perform' in options ? 'asked' : 'never'),
    retry: {
      attempts: retry.attempts ?? 20,
      initial_ms: duration(name, retry.initial ?? '1s'),
      max_ms: duration(name, retry.max ?? '10m'),
      backoff: retry.backoff ?? 2,
    },
    timeout_ms: duration(name, timeout),
    task_queue: effectQueue(name),
    ...(debounce && { debounce: debouncePolicy(name, debounce) }),
  });
}

/** Whether it is what {@link defineEffect} returned. */
export function isEffect(value: unknown): value is Effect {
  if (typeof value !== 'object' || value === null) return false;
  const hasWork = 'transact' in value || 'perform' in value;
  return hasWork && 'task_queue' in value && 'name' in value;
}

type AnyOptions = DatabaseEffect<OwnSettings, AnyType> | OutsideEffect<OwnSettings, AnyType>;

const known: Record<keyof DatabaseEffect | keyof OutsideEffect, object | true> = {
  name: true,
  description: true,
  on: true,
  as: true,
  retry: { attempts: true, initial: true, max: true, backoff: true },
  timeout: true,
  batch: true,
  limit: { perSecond: true },
  perWorkspace: { concurrency: true, perSecond: true },
  concurrency: true,
  manyTargets: true,
  waiting: true,
  ordering: true,
  debounce: { by: true, wait: true, most: true },
  onPoison: true,
  again: true,
  settings: true,
  transact: true,
  perform: true,
};

/** @throws TypeError if an option is unknown, or there is nothing to call */
function refuseUnknownOptions(options: AnyOptions): void {
  const { name } = options;
  refuseUnknown(`effect "${name}"`, options, known);
  for (const [option, members] of Object.entries(known))
    if (members !== true)
      refuseUnknown(`effect "${name}": \`${option}\``, options[option as 'limit'] ?? {}, members);
  if (!('transact' in options) && !('perform' in options))
    throw invalid(name, 'it has neither `transact` nor `perform`');
}

/** @throws TypeError if an option is invalid */
function check(options: AnyOptions): void {
  const { name, on, batch = MOST_EVENTS, again = 'never', limit, concurrency } = options;
  const { attempts = 0, backoff = 1 } = options.retry ?? {};
  const isOrdered = (options.ordering ?? 'none') !== 'none';
  const refuse = (problem: string): never => {
    throw invalid(name, problem);
  };
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name))
    refuse('its name must be a lower-case letter, then up to 62 of a-z, 0-9, _ and -');
  if (on.length === 0) refuse('`on` is empty; list event types, or "*" for all');
  for (const wanted of on.map(nameOf)) {
    const refused = refusedWanted(wanted);
    if (refused) refuse(`\`on\`: ${refused}`);
  }
  if (!isWhole(batch, 1, MOST_EVENTS))
    refuse(`batch ${batch} is not a whole number from 1 to ${MOST_EVENTS}`);
  if (isOrdered && again !== 'never')
    refuse('done again it would be out of order; leave `again` out');
  if (!isOrdered && options.onPoison)
    refuse('`onPoison` is for ordered effects; set `ordering` too');
  if (isOrdered && options.debounce)
    refuse('`debounce` is not for ordered effects: what is merged is in no order; leave one out');
  if (!isWhole(attempts, 0, Number.POSITIVE_INFINITY))
    refuse(`retry.attempts ${attempts} is not a whole number from 0 (without end)`);
  if (limit && !(limit.perSecond > 0 && limit.perSecond <= 100_000))
    refuse(`limit.perSecond ${limit.perSecond} is not a number above 0, up to 100000`);
  if (concurrency !== undefined && !isWhole(concurrency, 1, 1000))
    refuse(`concurrency ${concurrency} is not a whole number from 1 to 1000`);
  const refused = options.perWorkspace && refusedLimit(options.perWorkspace);
  if (refused) refuse(`perWorkspace${refused}`);
  if (options.settings && !('shape' in options.settings))
    refuse('`settings` must be z.object({ VARIABLE: … })');
  if (backoff < 1) refuse(`retry.backoff ${backoff} is below 1`);
}

/** What is wrong with a limit of workspaces; undefined: nothing. */
function refusedLimit({ concurrency, perSecond }: WorkspaceLimit): string | undefined {
  if (concurrency === undefined && perSecond === undefined)
    return ' says nothing: it must have concurrency, perSecond or both';
  if (concurrency !== undefined && !isWhole(concurrency, 1, 1000))
    return `.concurrency ${concurrency} is not a whole number from 1 to 1000`;
  if (perSecond !== undefined && !(perSecond >= 0.001 && perSecond <= 1_000_000))
    return `.perSecond ${perSecond} is not a number from 0.001 to 1000000`;
  return undefined;
}

function refusedWanted(wanted: string): string | undefined {
  if (!isPattern(wanted)) return refusedName(wanted);
  const refused = refusedPattern(wanted);
  return refused && `"${wanted}" ${refused}`;
}

const nameOf = (type: string | EventType<object>) => (typeof type === 'string' ? type : type.name);

const isWhole = (value: number, least: number, most: number) =>
  Number.isInteger(value) && value >= least && value <= most;

const invalid = (name: string, problem: string) => new TypeError(`effect "${name}": ${problem}`);

/** In ms. @throws TypeError if it is none */
function duration(name: string, text: StringValue): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  throw invalid(name, `"${text}" is not a duration such as "30s"`);
}

/** @throws TypeError */
function debouncePolicy(
  name: string,
  { by, wait, most }: NonNullable<Options<OwnSettings, AnyType>['debounce']>,
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

type Which = Pick<DomainEvent, 'id'> | { event: DomainEvent; target: string };

const subject = (which: Which) =>
  'event' in which ? { event_id: which.event.id, target: which.target } : { event_id: which.id };

/**
 * Not this time; try again, after `after_ms` where the other side said so, else as the policy says.
 * Reason and cause stand in Temporal's histories: no text, name or address of anybody's in them,
 * unless `short` says what goes there.
 */
export const retry = (
  which: Which,
  reason: string,
  options: Aside & { cause?: string | undefined; after_ms?: number | undefined } = {},
): Open => ({ ...subject(which), state: 'retry', reason, ...options });

/** Nothing is wrong; call again at that moment by the call's `now()`. */
export const later = (which: Which, until: Date): OpenOutcome => ({
  ...subject(which),
  state: 'later',
  until: until.toISOString(),
});

/** Moments as waits from now on: then the clocks of other machines don't matter. */
export const asWaits = (open: Open[], { now }: Call): Open[] =>
  open.map((outcome) =>
    outcome.state === 'later' && outcome.in_ms === undefined
      ? { ...outcome, in_ms: Math.max(0, Math.ceil(Date.parse(outcome.until) - now().getTime())) }
      : outcome,
  );

/** This machine's clock. */
export const machineTime: Call = { now: () => new Date() };

/** Nothing is wrong; call again in so many ms. `reason`: what it waits for, for operators. */
export const laterIn = (which: Which, ms: number, reason?: string): OpenOutcome => {
  const in_ms = Math.max(0, Math.ceil(ms));
  return {
    ...subject(which),
    state: 'later',
    until: new Date(Date.now() + in_ms).toISOString(),
    in_ms,
    ...(reason !== undefined && { reason }),
  };
};

/**
 * Nothing is wrong with it, but others must not wait for it: call again at once, with others of its
 * `share` alone. Where a call `parts`.
 *
 * @param share who may wait for each other (default: its workspace)
 */
export const apart = (which: Pick<DomainEvent, 'id'>, share?: string): OpenOutcome => ({
  event_id: which.id,
  state: 'later',
  until: new Date().toISOString(),
  in_ms: 0,
  apart: true,
  ...(share !== undefined && { share }),
});

/**
 * It can't succeed however often it is tried: a dead letter. Reason and cause as for {@link retry}.
 */
export const dead = (
  which: Which,
  reason: string,
  options: Aside & { cause?: string | undefined } = {},
): Open => ({ ...subject(which), state: 'dead', reason, ...options });
