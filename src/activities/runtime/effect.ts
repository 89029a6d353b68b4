import ms, { type StringValue } from 'ms';
import type { Database, Transaction } from '../../db/client.ts';
import { type DomainEvent, eventType } from '../../events/index.ts';
import { effectQueue, type OpenOutcome, type RetryPolicy } from '../../transport/dispatch.ts';
import type { PoisonPolicy } from './ordering/isolate.ts';

/**
 * An outcome with what is told of it here, in Postgres and in the worker's log, and travels into no
 * history.
 */
export type Open = OpenOutcome & Aside;

interface Aside {
  /**
   * The beginning of the reason, for histories; the rest of it is in `last_error` and in the dead
   * letter alone. For what the other side has said, which may be anything. Default: the whole of
   * it.
   */
  short?: string;
  /** Who was asked, as `host:port`. */
  host?: string;
  /** How long that took, in ms. Default: as long as the call. */
  ms?: number;
}

/**
 * What an effect answers: the events that are not done, and why. Nothing, or an empty list: all are
 * done.
 */
export type Answer = Open[] | undefined;

interface Options {
  /**
   * Lower case, digits, `_` and `-`; names its receipts, its task queue (`effects.<name>`) and its
   * activity. Never change it.
   */
  name: string;
  /** One line: what it is good for. */
  description: string;
  /** Declared event types, or `['*']` for all, those declared later included. */
  on: string[];
  /**
   * Tries, their first wait and their longest, and the growth between. Default 20 tries, 1 s
   * growing by 2 up to 10 min.
   */
  retry?: { attempts?: number; initial?: StringValue; max?: StringValue; backoff?: number };
  /**
   * Longest one call may take (default 30 s). A call that takes longer is given up and made again.
   */
  timeout?: StringValue;
  /** Most events a call (default 2000, and no more). */
  batch?: number;
  /**
   * Most calls a second, of all workers together (a call has up to `batch` events: set that to 1
   * where each event counts). What is beyond waits in the queue and uses up no tries. Default: no
   * limit. Workers of one effect must agree, or the last to ask decides.
   */
  limit?: { perSecond: number };
  /**
   * Calls at once in one worker process. Default KNOCKON_CONCURRENCY; more for an effect that
   * mostly waits for others.
   */
  concurrency?: number;
  /**
   * Takes several targets of one event in a call, `targets` of what it is given. Default: a call
   * has one of them.
   */
  manyTargets?: boolean;
  /**
   * Calls beside these that only wait for the outside (they have said `onlyWaits`). Default none:
   * each call counts until its end.
   */
  waiting?: number;
  /**
   * `channel`: each channel's events one after another, in the order of their `seq`, whatever
   * dispatches and workers they come by. `exclusive`: that, and one call at a time for a workspace.
   * Default `none`: calls run side by side, in any order.
   */
  ordering?: 'none' | 'channel' | 'exclusive';
  /**
   * What an ordered effect does when an event's tries are used up. `block` (default): its channel's
   * later events wait until that dead letter is retried or discarded. `park`: the channel goes on
   * without it; retried later it comes out of order.
   */
  onPoison?: PoisonPolicy;
  /**
   * Whether a replay may run completed events again. `freely`: the effect is idempotent, such as a
   * projection. `asked`: only with `--force`; the default of effects that call the outside.
   * `never`: the default of effects that change our database, for they may count, and of ordered
   * ones.
   */
  again?: 'freely' | 'asked' | 'never';
}

/** What every call is given beside its events. */
export interface Call {
  /**
   * The time of this machine's clock. Use it instead of `new Date()`: in a test that skips time it
   * returns the skipped time. Use it for {@link later} only: the clocks of two machines differ.
   */
  now(): Date;
}

/** What a call to the outside is given beside its events. */
export interface OutsideCall extends Call {
  db: Database['db'];
  /** Set when one outside party of the one event is tried again. */
  target: string | undefined;
  /**
   * Set, instead of `target`, when several of them are: only where the effect has `manyTargets`.
   */
  targets?: string[];
  /** Aborted when the worker stops or the workflow is cancelled. */
  signal: AbortSignal;
  /**
   * Says that from now on the call does little but wait for the outside: the worker takes another
   * one beside it.
   */
  onlyWaits?(): void;
  /**
   * Set where the events are several workspaces': what is answered with {@link apart} is called
   * again with others of its share alone.
   */
  parts?: boolean;
}

/** An effect that changes our database and nothing else: happens exactly once. */
export interface DatabaseEffect extends Options {
  /**
   * Runs in the transaction that holds the receipts: what it writes and the receipts are kept
   * together or not at all. The events are frozen, as the effects of a process share them. Large
   * events come in pages of 2 MB, each in a transaction of its own.
   */
  transact(tx: Transaction, events: DomainEvent[], call: Call): Promise<Answer | void>;
}

/** An effect that calls the outside: happens at least once; calls carry a stable id. */
export interface OutsideEffect extends Options {
  /**
   * Receipts are written after it has answered. Large events come in pages of 2 MB, one after
   * another.
   */
  perform(events: DomainEvent[], call: OutsideCall): Promise<Answer | void>;
}

/** A checked effect, with every default filled in. */
export type Effect = (Pick<DatabaseEffect, 'transact'> | Pick<OutsideEffect, 'perform'>) & {
  name: string;
  description: string;
  on: string[];
  retry: RetryPolicy;
  timeout_ms: number;
  batch: number;
  ordering: 'none' | 'channel' | 'exclusive';
  onPoison: PoisonPolicy;
  again: 'freely' | 'asked' | 'never';
  task_queue: string;
  limit?: { perSecond: number };
  concurrency?: number;
  manyTargets?: boolean;
  waiting?: number;
};

/** Declares an effect. @throws TypeError where an option can't be meant */
export function defineEffect(options: DatabaseEffect | OutsideEffect): Effect {
  const {
    name,
    on,
    batch = 2000,
    timeout = '30s',
    ordering = 'none',
    onPoison = 'block',
    retry = {},
    ...rest
  } = options;
  const refuse = (what: string): never => {
    throw new TypeError(`effect "${name}": ${what}`);
  };
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name))
    refuse('its name must be a lower-case letter, then up to 62 of a-z, 0-9, _ and -');
  if (on.length === 0) refuse('`on` is empty; list event types, or "*" for all');
  for (const type of on)
    if (type !== '*' && !eventType(type))
      refuse(`"${type}" is not a declared event type; declare it in src/events/`);
  if (!Number.isInteger(batch) || batch < 1 || batch > 2000)
    refuse(`batch ${batch} is not a whole number from 1 to 2000`);
  if (options.again && options.again !== 'never' && ordering !== 'none')
    refuse('done again it would be out of order; leave `again` out');
  if (options.onPoison && ordering === 'none')
    refuse('`onPoison` is for ordered effects; set `ordering` too');
  const policy: RetryPolicy = {
    attempts: retry.attempts ?? 20,
    initial_ms: duration(retry.initial ?? '1s'),
    max_ms: duration(retry.max ?? '10m'),
    backoff: retry.backoff ?? 2,
  };
  if (!Number.isInteger(policy.attempts) || policy.attempts < 0)
    refuse(`retry.attempts ${policy.attempts} is not a whole number from 0 (without end)`);
  const { limit, concurrency } = options;
  if (limit && !(limit.perSecond > 0 && limit.perSecond <= 100_000))
    refuse(`limit.perSecond ${limit.perSecond} is not a number above 0, up to 100000`);
  if (
    concurrency !== undefined &&
    !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1000)
  )
    refuse(`concurrency ${concurrency} is not a whole number from 1 to 1000`);
  if (policy.backoff < 1) refuse(`retry.backoff ${policy.backoff} is below 1`);
  return Object.freeze({
    ...rest,
    name,
    on,
    batch,
    ordering,
    onPoison,
    again: options.again ?? (ordering === 'none' && 'perform' in options ? 'asked' : 'never'),
    retry: policy,
    timeout_ms: duration(timeout),
    task_queue: effectQueue(name),
  });

  function duration(text: StringValue): number {
    const value = ms(text);
    return Number.isFinite(value) && value > 0
      ? value
      : refuse(`"${text}" is not a duration such as "30s"`);
  }
}

type Which = DomainEvent | { event: DomainEvent; target: string };

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
  options: Aside & { cause?: string; after_ms?: number } = {},
): Open => ({
  ...subject(which),
  state: 'retry',
  reason,
  ...options,
});

/** Nothing is wrong; call again at that moment by the call's `now()`. */
export const later = (which: Which, until: Date): OpenOutcome => ({
  ...subject(which),
  state: 'later',
  until: until.toISOString(),
});

/**
 * Moments as waits, counted from now: what another machine's clock says of them doesn't matter
 * then.
 */
export const asWaits = (open: Open[], { now }: Call): Open[] =>
  open.map((outcome) =>
    outcome.state === 'later' && outcome.in_ms === undefined
      ? { ...outcome, in_ms: Math.max(0, Math.ceil(Date.parse(outcome.until) - now().getTime())) }
      : outcome,
  );

/** This machine's clock. */
export const machineTime: Call = { now: () => new Date() };

/**
 * Nothing is wrong with it; call again in so many ms. `reason`: what it waits for, where somebody
 * may ask.
 */
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
export const apart = (event: DomainEvent, share?: string): OpenOutcome => ({
  event_id: event.id,
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
  options: Aside & { cause?: string } = {},
): Open => ({
  ...subject(which),
  state: 'dead',
  reason,
  ...options,
});
