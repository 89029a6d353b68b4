import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

const { TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;

interface Backlog {
  count: number;
  age_seconds: number;
}

/** How many activity tasks wait in a queue and the age of the oldest; null where Temporal does not answer within 2 s. */
export async function taskQueueBacklog(client: Client, taskQueue: string): Promise<Backlog | null> {
  const late = new Promise<null>((resolve) => void setTimeout(resolve, 2000, null).unref());
  // Not by `client.withDeadline`: see `lazyConnection`.
  return await Promise.race([describeBacklog(client, taskQueue).catch(() => null), late]);
}

async function describeBacklog(client: Client, taskQueue: string): Promise<Backlog> {
  const { stats } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
    reportStats: true,
  });
  const age = stats?.approximateBacklogAge;
  return { count: Number(stats?.approximateBacklogCount ?? 0), age_seconds: Number(age?.seconds ?? 0) + (age?.nanos ?? 0) / 1e9 };
}
