import { CompleteAsyncError } from '@temporalio/activity';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import type { WorkerInterceptors } from '@temporalio/worker';
import { asSafeError } from '../safe-error.ts';
import { CallFailure } from '../transport/retry/failure.ts';

/**
 * Throws an activity's failure as Temporal understands it. It goes into the workflow's history, so
 * an error that may be anything loses people's texts, names and addresses. The runtime's own
 * failures are made for histories.
 */
export const temporalFailures: WorkerInterceptors['activity'] = [
  () => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          throw asTemporalFailure(error);
        }
      },
    },
  }),
];

function asTemporalFailure(error: unknown): unknown {
  if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) return error;
  if (!(error instanceof CallFailure)) return asSafeError(error);
  return ApplicationFailure.create({
    type: error.type,
    message: error.message,
    details: [error.shortCause],
    nextRetryDelay: error.afterMs,
    cause: error.cause instanceof Error ? error.cause : undefined,
  });
}
