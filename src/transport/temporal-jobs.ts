import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { WORKFLOW_QUEUE } from './dispatch.ts';
import { JOB_SIGNAL, JOB_WORKFLOW, type JobDriver, jobWorkflowId } from './job.ts';

/** A workflow a job. */
export function temporalJobs(client: Client): JobDriver {
  return {
    async start(job) {
      await client.workflow.start(JOB_WORKFLOW, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId: jobWorkflowId(job),
        args: [job],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: job.verb,
      });
    },
    async wake(job) {
      try {
        await client.workflow.getHandle(jobWorkflowId(job)).signal(JOB_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },
  };
}
