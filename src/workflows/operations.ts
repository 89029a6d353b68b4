import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  makeContinueAsNewFunc,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import type { OperationProgress, OperationRef } from '../transport/operation.ts';

/** On the workflow's own queue. */
const { driveOperation, cancelOperation } = proxyActivities<{
  driveOperation(operation: OperationRef): Promise<OperationProgress>;
  cancelOperation(operation: OperationRef): Promise<void>;
}>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '15s',
  retry: { maximumInterval: '10s' },
});

const changed = defineSignal('changed');
const progress = defineQuery<OperationProgress | undefined>('progress');

/** Stretches of work after which a run hands over to the next: an operation may take days. */
const STRETCHES_A_RUN = 300;

/**
 * Long work that an operator asked for, stretch by stretch. How far it is stands in the database;
 * this makes sure that somebody goes on, whatever dies meanwhile. Cancelled here it is cancelled
 * there.
 */
export async function runOperation(operation: OperationRef): Promise<OperationProgress> {
  let isChanged = false;
  let latest: OperationProgress | undefined;
  setHandler(changed, () => {
    isChanged = true;
  });
  setHandler(progress, () => latest);
  try {
    for (let stretch = 0; stretch < STRETCHES_A_RUN; stretch += 1) {
      isChanged = false;
      latest = await driveOperation(operation);
      if (latest.state === 'failed')
        throw ApplicationFailure.nonRetryable(latest.error ?? 'no reason given', 'OperationFailed');
      if (latest.state === 'done' || latest.state === 'cancelled') return latest;
      if (latest.wait_ms > 0) await condition(() => isChanged, latest.wait_ms);
    }
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(() => cancelOperation(operation));
    throw error;
  }
  return await makeContinueAsNewFunc<typeof runOperation>()(operation);
}
