// How long a call waits before it is made again. Pure, and bundled with the workflow code.
import type { EffectAnswer, OpenOutcome, RetryPolicy } from '../dispatch.ts';

export { LONGEST_WAIT, msUntil } from '../dispatch.ts';

export type Later = Extract<OpenOutcome, { state: 'later' }>;

/**
 * In how many ms a `later` is due. A moment is by the clock of the machine that named it, so a
 * duration takes precedence.
 */
export const dueIn = ({ in_ms, until }: Later, now: number): number =>
  Math.max(0, in_ms ?? Date.parse(until) - now);

/** In how many ms a deferred call is made; undefined: the call was made. */
export function deferredBy({ put_off, put_off_ms }: EffectAnswer, now: number): number | undefined {
  if (put_off_ms !== undefined) return Math.max(0, put_off_ms);
  return put_off === undefined ? undefined : Math.max(0, Date.parse(put_off) - now);
}

/** Waits shorter than this, in ms, end at a tenth of a second, longer ones at a whole second. */
const SHORT = 2000;

/** Lengthens a wait by at most so many ms, so that others end at the same moment. */
export const grainOf = (ms: number): number => (ms < SHORT ? 100 : 1000);

/**
 * The same for waits between tries: a 64th of long ones. The policy's spread is four tenths of a
 * wait, so a round of tries costs some 25 timers, however many calls failed together.
 */
export const coarseGrainOf = (ms: number): number =>
  Math.max(grainOf(ms), 1000 * Math.ceil(ms / 64_000));

export const roundUp = (moment: number, grain: number): number => Math.ceil(moment / grain) * grain;

/** Waits between tries vary by this part, so that what failed together does not return together. */
const SPREAD = 0.2;

/**
 * How long an event waits for its next try, in ms: the policy's wait ± 20 %, and at least as long
 * as the other side asked for.
 *
 * @param tried tries so far, from 1
 * @param options.asked what the other side asked for, in ms (default 0)
 * @param options.random from 0 to 1
 * @param options.grain the wait may grow by this for a shared timer, in ms (default 0)
 */
export function waitBefore(
  policy: RetryPolicy,
  tried: number,
  { asked = 0, random, grain = 0 }: { asked?: number; random: number; grain?: number },
): number {
  const own = policyWait(policy, tried);
  return Math.max(own * (1 - SPREAD) + random * Math.max(0, 2 * SPREAD * own - grain), asked);
}

/** The policy's wait after so many tries, in ms. */
export const policyWait = ({ initial_ms, max_ms, backoff }: RetryPolicy, tried: number): number =>
  Math.min(initial_ms * backoff ** (tried - 1), Math.max(initial_ms, max_ms));

/** Whether no try is left. 0 attempts: there is no limit. */
export const isUsedUp = ({ attempts }: RetryPolicy, tried: number): boolean =>
  attempts > 0 && tried >= attempts;
