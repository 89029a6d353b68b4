import { CompleteAsyncError } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import type { WorkerInterceptors } from '@temporalio/worker';
import { asSafeError } from '../../safe-error.ts';

/**
 * Has whatever an activity throws go into its workflow's history without people's texts, names and
 * addresses. What the runtime throws itself is meant for histories as it is.
 */
export const safeFailures: WorkerInterceptors['activity'] = [
  () => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (error) {
          throw error instanceof TemporalFailure || error instanceof CompleteAsyncError
            ? error
            : asSafeError(error);
        }
      },
    },
  }),
];
