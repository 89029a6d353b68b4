import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { JOB_SIGNAL, JOB_WORKFLOW, type JobDriver, jobWorkflowId } from './job.ts';
import { namingOf } from './naming.ts';

/** A workflow a job. */
export function temporalJobs(client: Client, naming = namingOf(undefined)): JobDriver {
  return {
    async start(job) {
      await client.workflow.start(JOB_WORKFLOW, {
        taskQueue: naming.workflowQueue,
        workflowId: naming.of(jobWorkflowId(job)),
        args: [job],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: job.verb,
      });
    },
    async wake(job) {
      try {
        await client.workflow.getHandle(naming.of(jobWorkflowId(job))).signal(JOB_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
