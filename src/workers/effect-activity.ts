import { setTimeout as wait } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Sql } from 'postgres';
import type { Effect } from '../activities/runtime/effect.ts';
import { deferredAnswer } from '../activities/runtime/outage.ts';
import { answer, type CallOptions } from '../activities/runtime/run-effect.ts';
import type { Database } from '../db/client.ts';
import type { Beat } from '../transport/dispatch.ts';
import type { Quarantine } from '../transport/quarantine.ts';
import { takeRateSlot } from '../transport/rate-slots.ts';
import type { CurrentEffect } from './http-subscribers.ts';
import type { CallEffect, Middleware } from './middleware.ts';

/**
 * How often a call says that it is under way, in ms. Its worker counts as dead after 15 s of
 * silence.
 */
export const HEARTBEAT = 3000;

/** An effect as Temporal calls it: the activity. */
export const effectActivity =
  (
    slot: CurrentEffect,
    db: Database['db'],
    options: Omit<CallOptions, 'attempt'> = {},
  ): CallEffect =>
  async (call) => {
    const { info, cancellationSignal } = Context.current();
    const attempt = info.attempt + (call.tried ?? 0);
    return await answer(slot.effect, db, call, cancellationSignal, { ...options, attempt });
  };

/** Says every few seconds that the call is under way. */
export const heartbeats: Middleware = (next) => async (call) => {
  const heart = setInterval(() => Context.current().heartbeat('begun' satisfies Beat), HEARTBEAT);
  try {
    return await next(call);
  } finally {
    clearInterval(heart);
  }
};

/** Tells the server of the current call before anything else happens. */
export type TellBeat = (beat: Beat) => Promise<void>;

/**
 * Makes suspect calls one at a time, and defers the others. The server hears when one begins, so
 * that a worker's death counts against no call that only waited.
 */
export const oneSuspectAtATime =
  (quarantine: Quarantine, tell: TellBeat): Middleware =>
  (next) =>
  async (call) => {
    if (!call.suspect) return await next(call);
    // What an earlier attempt has said is not true of this one.
    if (Context.current().info.attempt > 1) await tell('not begun');
    const make = async () => {
      await tell('begun');
      return await next(call);
    };
    return await quarantine.admit(make, async (inMs) => deferredAnswer(inMs));
  };

/**
 * Longest that a call waits here for its rate slot, in ms: its worker counts as dead after 15 s of
 * silence.
 */
const LONGEST_WAIT = 5000;

/**
 * Has each call of a limited effect begin in its rate slot. Temporal's own limiter keeps the others
 * in the queue, but lets a second's worth and more through at once. The workflow waits for a slot
 * that is far away.
 */
export const inRateSlot =
  ({ limit, task_queue, timeout_ms }: Effect, pg: Sql): Middleware =>
  (next) =>
  async (call) => {
    if (!limit) return await next(call);
    const inMs = Math.ceil(await takeRateSlot(pg, task_queue, limit.perSecond));
    if (inMs > Math.min(LONGEST_WAIT, timeout_ms / 2)) return deferredAnswer(inMs);
    const signal = Context.current().cancellationSignal;
    if (inMs > 0) await wait(inMs, undefined, { signal }).catch(() => {});
    return await next(call);
  };
