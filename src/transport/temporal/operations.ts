import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { namingOf } from '../naming.ts';
import {
  OPERATION_SIGNAL,
  OPERATION_WORKFLOW,
  type OperationDriver,
  operationWorkflowId,
} from '../operation.ts';

/** A workflow an operation. */
export function temporalOperations(client: Client, naming = namingOf(undefined)): OperationDriver {
  return {
    async start(operation) {
      await client.workflow.start(OPERATION_WORKFLOW, {
        taskQueue: naming.workflowQueue,
        workflowId: naming.of(operationWorkflowId(operation)),
        args: [operation],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: operation.verb,
      });
    },
    async wake(operation) {
      try {
        await client.workflow
          .getHandle(naming.of(operationWorkflowId(operation)))
          .signal(OPERATION_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
