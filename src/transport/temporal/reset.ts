import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { namingOf } from '../naming.ts';
import { ResetError } from '../operation.ts';

/**
 * Resets a workflow that has ended to its first workflow task: a new run calls every effect again.
 *
 * @param id the workflow's in Temporal, or without the deployment's name
 * @param reason shown in Temporal's UI
 * @returns the new run's id
 * @throws ResetError
 */
export async function resetWorkflow(
  client: Client,
  id: string,
  reason: string,
  naming = namingOf(undefined),
): Promise<string> {
  const own = naming.own(id);
  if (own === null) throw absent(id);
  const workflowId = naming.of(own);
  const { runId, status } = await latestRun(client, workflowId);
  if (status === 'RUNNING')
    throw new ResetError(
      'conflict',
      `the workflow ${workflowId} is running: what is open it will do by itself; retry its dead ` +
        'letters instead',
    );
  const { runId: newRun } = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    workflowTaskFinishEventId: await firstTask(client, workflowId, runId),
    requestId: uuidv7(),
    reason,
  });
  return newRun;
}

async function latestRun(
  client: Client,
  workflowId: string,
): Promise<{ runId: string; status: string }> {
  try {
    const { runId, status } = await client.workflow.getHandle(workflowId).describe();
    return { runId, status: status.name };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw absent(workflowId);
  }
}

const absent = (id: string) =>
  new ResetError(
    'absent',
    `there is no workflow ${id} of this deployment, or none any more: retry its dead letters ` +
      'instead',
  );

async function firstTask(client: Client, workflowId: string, runId: string) {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 50,
  });
  const first = history?.events?.find((event) => event.workflowTaskCompletedEventAttributes);
  if (!first)
    throw new ResetError(
      'conflict',
      `the workflow ${workflowId} ended before its first task: there is nothing to reset it to`,
    );
  return first.eventId;
}
