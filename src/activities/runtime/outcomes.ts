import type { DomainEvent } from '../../events/index.ts';
import { aMoment, aNumber, aString, checkOptions, type Must } from '../../known-members.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';

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

type Which = Pick<DomainEvent, 'id'> | { event: DomainEvent; target: string };

/** @throws TypeError */
function subject(which: Which) {
  const isTargeted = typeof which === 'object' && which !== null && 'event' in which;
  const { event, target } = isTargeted ? which : { event: which, target: undefined };
  if (typeof event?.id !== 'string')
    throw new TypeError('retry(), later() and dead() must be given an event, or {event, target}');
  return target === undefined ? { event_id: event.id } : { event_id: event.id, target };
}

const told = { cause: aString, short: aString, host: aString, ms: aNumber } satisfies Record<
  keyof Aside | 'cause',
  Must
>;
const toldOfRetry = { ...told, after_ms: aNumber };

/**
 * Not this time; try again, after `after_ms` where the other side said so, else as the policy says.
 * Reason and cause stand in Temporal's histories: no text, name or address of anybody's in them,
 * unless `short` says what goes there.
 */
export const retry = (
  which: Which,
  reason: string,
  options: Aside & { cause?: string | undefined; after_ms?: number | undefined } = {},
): Open => {
  checkOptions('retry()', options, toldOfRetry);
  return { ...subject(which), state: 'retry', reason, ...options };
};

/** Nothing is wrong; call again at that moment by the call's `now()`. */
export const later = (which: Which, until: Date): OpenOutcome => {
  const wrong = aMoment(until);
  if (wrong) throw new TypeError(`later(): \`until\` ${wrong}`);
  return { ...subject(which), state: 'later', until: until.toISOString() };
};

/** Moments as waits from now on: then the clocks of other machines don't matter. */
export const asWaits = (open: Open[], { now }: { now(): Date }): Open[] =>
  open.map((outcome) =>
    outcome.state === 'later' && outcome.in_ms === undefined
      ? { ...outcome, in_ms: Math.max(0, Math.ceil(Date.parse(outcome.until) - now().getTime())) }
      : outcome,
  );

/** Nothing is wrong; call again in so many ms. `reason`: what it waits for, for operators. */
export const laterIn = (which: Which, ms: number, reason?: string): OpenOutcome => {
  checkOptions('laterIn()', { ms }, { ms: aNumber });
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
): Open => {
  checkOptions('dead()', options, told);
  return { ...subject(which), state: 'dead', reason, ...options };
};
