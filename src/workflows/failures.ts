import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { Beat } from '../transport/dispatch.ts';
import { FAILURE } from '../transport/retry/failure.ts';
import { type Failure, type PendingCall, TIMED_OUT } from '../transport/retry/next-steps.ts';
import { MALFORMED } from './checked-answer.ts';

/** What an activity's failure says of its call. */
export function failureOf(error: unknown, { once, deaths }: PendingCall): Failure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type === FAILURE.unknownDispatch)
    return { kind: 'unknown dispatch' };
  if (hasWorkerDied(error, once))
    return {
      kind: 'died',
      deaths: 1,
      hasBegun: deaths === undefined || lastBeat(cause) === 'begun',
    };
  // No transport has repeated that.
  const isMalformed = cause instanceof ApplicationFailure && cause.type === MALFORMED;
  return { kind: 'failed', isFinal: !once && !isMalformed, ...explain(cause) };
}

/**
 * Whether the worker died in the middle of the call, or hung so that it did not answer, and
 * Temporal leaves the next step to us.
 *
 * @param once the call was made once, whatever came of it
 */
export function hasWorkerDied(error: unknown, once = false): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  if (!once && error.retryState !== 'NON_RETRYABLE_FAILURE') return false;
  return error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'HEARTBEAT';
}

/** The last heartbeat of a call whose worker died. */
const lastBeat = (cause: unknown): Beat | undefined =>
  cause instanceof TimeoutFailure ? (cause.lastHeartbeatDetails as Beat | undefined) : undefined;

/** A short cause that groups alike failures, and a sentence. */
function explain(error: unknown): { cause: string; reason: string } {
  if (error instanceof TimeoutFailure) return TIMED_OUT;
  if (error instanceof ApplicationFailure) {
    const [detail] = error.details ?? [];
    const reason = error.message;
    return { cause: typeof detail === 'string' ? detail : reason, reason };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { cause: reason, reason };
}
