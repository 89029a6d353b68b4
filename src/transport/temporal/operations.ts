import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { namingOf } from '../naming.ts';
import { OPERATION_SIGNAL, OPERATION_WORKFLOW, type OperationDriver, operationWorkflowId } from '../operation.ts';

/** A workflow a job. */
export function temporalOperations(client: Client, naming = namingOf(undefined)): OperationDriver {
  return {
    async start(job) {
      await client.workflow.start(OPERATION_WORKFLOW, {
        taskQueue: naming.workflowQueue,
        workflowId: naming.of(operationWorkflowId(job)),
        args: [job],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: job.verb,
      });
    },
    async wake(job) {
      try {
        await client.workflow.getHandle(naming.of(operationWorkflowId(job))).signal(OPERATION_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
