import type { StringValue } from 'ms';
import type { z } from 'zod';
import type { Database, Transaction } from '../../db/client.ts';
import type { DomainEvent, EventType } from '../../events/index.ts';
import { effectQueue, type RetryPolicy } from '../../transport/dispatch.ts';
import type { DebouncePolicy } from './debounce/decide.ts';
import {
  callTime,
  checkEffect,
  debouncePolicy,
  duration,
  MOST_EVENTS,
  nameOf,
} from './effect-options.ts';
import type { PoisonPolicy } from './ordering/isolate.ts';
import type { Open } from './outcomes.ts';

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
  /** Longest time of a call (default 30 s, up to 24 h). A call that takes longer is made again. */
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
   * that floods leaves room for the others. `knockon limit` overrides it.
   */
  perWorkspace?: WorkspaceLimit | undefined;
  /** Calls at once in a worker process (default KNOCKON_CONCURRENCY): more if they mostly wait. */
  concurrency?: number | undefined;
  /** Whether a call may have several targets of one event, `targets` (default: one). */
  manyTargets?: boolean | undefined;
  /** Extra calls at once for those that have called `onlyWaits` (default 0). */
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

/** What every call is given beside its events. */
export interface Call {
  /**
   * The time of this machine's clock. Use it instead of `new Date()`: in a test that skips time it
   * returns the skipped time. Use it for `later` only: the clocks of two machines differ.
   */
  now(): Date;
  /** Which try of this very call it is, from 1; the same after one that has used up no try. */
  attempt?: number;
}

/** This machine's clock. */
export const machineTime: Call = { now: () => new Date() };

/** What a call to the outside is given beside its events. */
export interface OutsideCall extends Call {
  db: Database['db'];
  /** Set when one target of the one event is retried. */
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
   * Set where the events are several workspaces': what is answered with `apart` is called
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
  checkEffect(options);
  const given = withoutUndefined(options);
  const { timeout = '30s', retry = {}, debounce, ...rest } = given;
  const { name, ordering = 'none' } = given;
  return Object.freeze({
    ...rest,
    on: given.on.map(nameOf),
    batch: given.batch ?? MOST_EVENTS,
    ordering,
    onPoison: given.onPoison ?? 'block',
    again: given.again ?? (ordering === 'none' && 'perform' in given ? 'asked' : 'never'),
    retry: {
      attempts: retry.attempts ?? 20,
      initial_ms: duration(name, retry.initial ?? '1s'),
      max_ms: duration(name, retry.max ?? '10m'),
      backoff: retry.backoff ?? 2,
    },
    timeout_ms: callTime(name, timeout),
    task_queue: effectQueue(name),
    ...(debounce && { debounce: debouncePolicy(name, debounce) }),
  });
}

const withoutUndefined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

/** Whether it is what {@link defineEffect} returned. */
export function isEffect(value: unknown): value is Effect {
  if (typeof value !== 'object' || value === null) return false;
  const hasWork = 'transact' in value || 'perform' in value;
  return hasWork && 'task_queue' in value && 'name' in value;
}
