// What is the same for every transport: which events a call is for, and what an answer leaves open.
// Pure, and bundled with the workflow code: runs in flight depend on it.
import type { EffectAnswer, OpenOutcome, RetryPolicy, Selection } from './dispatch.ts';

/** Why a call is given up that never came to its end. */
export const TIMED_OUT = {
  cause: 'timeout',
  reason: 'the call took longer than its time limit, or its worker died',
};

export const count = (events: Selection): number =>
  'ids' in events ? events.ids.length : events.limit;

/** A run of a dispatch's events in the order of their ids. */
export type Run = Extract<Selection, { offset: number }>;

/** A dispatch in runs of at most `batch` events. */
export function slices(size: number, batch: number): Run[] {
  const runs = Math.ceil(size / batch);
  return Array.from({ length: runs }, (_, i) => ({
    offset: i * batch,
    limit: Math.min(batch, size - i * batch),
  }));
}

export function halves(events: Selection): [Selection, Selection] {
  const middle = Math.ceil(count(events) / 2);
  if ('ids' in events)
    return [{ ids: events.ids.slice(0, middle) }, { ids: events.ids.slice(middle) }];
  const { offset, limit } = events;
  return [
    { offset, limit: middle },
    { offset: offset + middle, limit: limit - middle },
  ];
}

/** Map.groupBy, which Node 20 does not have. */
export function groupBy<T, K>(items: T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** What an answer leaves open, by how it is followed up. */
export interface LeftOpen<Moment> {
  /** Events that are called again together, by the moment. */
  later: Map<Moment, string[]>;
  /** Events that are each followed up alone. */
  alone: OpenOutcome[];
  /**
   * Events with several outside parties: each of these is followed up alone, then the event once
   * more.
   */
  targets: Map<string, OpenOutcome[]>;
  /** Those that are followed up apart from the others, by whose they are. */
  apart: OpenOutcome[][];
}

export type Later = Extract<OpenOutcome, { state: 'later' }>;

/** @param momentOf what events have in common that are called again together */
export function partitionOutcomes<Moment>(
  open: OpenOutcome[],
  momentOf: (outcome: Later) => Moment,
): LeftOpen<Moment> {
  const parted = groupBy(open.filter(isApart), ({ share }) => share);
  if (parted.size > 0)
    return {
      ...partitionOutcomes(
        open.filter((outcome) => !isApart(outcome)),
        momentOf,
      ),
      apart: [...parted.values()].map(rejoined),
    };
  const whole = open.filter((outcome) => outcome.target === undefined);
  const waiting = groupBy(
    whole.filter((outcome) => outcome.state === 'later'),
    momentOf,
  );
  return {
    later: new Map(
      [...waiting].map(([moment, outcomes]) => [
        moment,
        outcomes.map((outcome) => outcome.event_id),
      ]),
    ),
    alone: whole.filter((outcome) => outcome.state !== 'later'),
    targets: groupBy(
      open.filter((outcome) => outcome.target !== undefined),
      (outcome) => outcome.event_id,
    ),
    apart: [],
  };
}

const isApart = (outcome: OpenOutcome): outcome is Later =>
  outcome.state === 'later' && outcome.apart === true;

const rejoined = (outcomes: Later[]): Later[] =>
  outcomes.map((outcome) => ({ ...outcome, apart: undefined }));

/**
 * In how many ms a `later` is due. A moment is by the clock of the machine that named it, so a
 * duration goes before it.
 */
export const dueIn = ({ in_ms, until }: Later, now: number): number =>
  Math.max(0, in_ms ?? Date.parse(until) - now);

/** Waits shorter than this, in ms, end at a tenth of a second, longer ones at a whole second. */
const SHORT = 2000;

/** What a wait of so many ms is lengthened by at most so that others may end with it, in ms. */
export const grainOf = (ms: number): number => (ms < SHORT ? 100 : 1000);

export const roundUp = (moment: number, grain: number): number => Math.ceil(moment / grain) * grain;

/** In how many ms a call is to be made that was put off; undefined where it was made. */
export function putOffBy({ put_off, put_off_ms }: EffectAnswer, now: number): number | undefined {
  if (put_off_ms !== undefined) return Math.max(0, put_off_ms);
  return put_off === undefined ? undefined : Math.max(0, Date.parse(put_off) - now);
}

/**
 * Waits before tries are spread by so much, as a part of them: what failed together does not come
 * back together.
 */
const SPREAD = 0.2;

/**
 * How long to wait before an event is tried again, in ms: as long as the policy says, within ± 20
 * %, and at least as long as the other side has asked for.
 *
 * @param tried how many tries there were, from 1
 * @param options.asked in ms (default: nothing was asked for)
 * @param options.random from 0 to 1
 * @param options.grain what the wait may be lengthened by so that several share a moment; in ms
 * (default 0)
 */
export function waitBefore(
  policy: RetryPolicy,
  tried: number,
  { asked = 0, random, grain = 0 }: { asked?: number; random: number; grain?: number },
): number {
  const own = ownWait(policy, tried);
  return Math.max(own * (1 - SPREAD) + random * Math.max(0, 2 * SPREAD * own - grain), asked);
}

/** What the policy says of the wait before an event is tried again, in ms. */
export const ownWait = ({ initial_ms, max_ms, backoff }: RetryPolicy, tried: number): number =>
  Math.min(initial_ms * backoff ** (tried - 1), Math.max(initial_ms, max_ms));

/** Whether there is no try left. 0 attempts: without end. */
export const isUsedUp = ({ attempts }: RetryPolicy, tried: number): boolean =>
  attempts > 0 && tried >= attempts;
