import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { Dispatch } from '../transport/dispatch.ts';
import { TIMED_OUT } from '../transport/selection.ts';

/** How many events were buried, and why the first of them. */
export interface Dead {
  events: number;
  reason?: string;
}

export const noneDead: Dead = { events: 0 };

export function sum(dead: Dead[]): Dead {
  return {
    events: dead.reduce((n, d) => n + d.events, 0),
    reason: dead.find((d) => d.reason)?.reason,
  };
}

/**
 * Whether the worker died in the middle of the call (or hung so that it did not answer), and
 * Temporal leaves it to us what to do.
 *
 * @param once the call was made once, whatever came of it
 */
export function killsWorkers(error: unknown, once = false): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  if (!once && error.retryState !== 'NON_RETRYABLE_FAILURE') return false;
  return error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'HEARTBEAT';
}

/**
 * Whether a worker took the call whose database does not know the dispatch: another deployment's.
 * It says nothing of the events.
 */
export function isUnknown(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'UnknownDispatchError';
}

/** The last that was heard of a call whose worker died. */
export function lastBeat(error: unknown): unknown {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof TimeoutFailure ? cause.lastHeartbeatDetails : undefined;
}

/** Why an activity failed for good: a short cause that groups alike failures, and a sentence. */
export function explainFailure(error: unknown): { cause: string; reason: string } {
  const root = error instanceof ActivityFailure ? error.cause : error;
  if (root instanceof TimeoutFailure) return TIMED_OUT;
  if (root instanceof ApplicationFailure) return { cause: causeOf(root), reason: root.message };
  const reason = root instanceof Error ? root.message : String(root);
  return { cause: reason, reason };
}

function causeOf(failure: ApplicationFailure): string {
  const [detail] = failure.details ?? [];
  return typeof detail === 'string' ? detail : failure.message;
}

/** The workflow's failure, for whoever reads it in the Temporal UI. */
export function explainDead(dispatch: Dispatch, failed: { name: string; dead: Dead }[]): string {
  const parts = failed.map(({ name, dead }) => {
    const events =
      dispatch.size === 1
        ? `the ${dispatch.type} event`
        : `${dead.events} of ${dispatch.size} ${dispatch.type} events`;
    return `${name} gave up on ${events}: ${dead.reason ?? 'no reason given'}`;
  });
  return `${parts.join('; ')}. Remove the cause, then reset this workflow to its first workflow task: what is done stays done.`;
}
