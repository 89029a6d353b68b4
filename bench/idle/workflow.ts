// What Temporal itself takes: a workflow that does nothing but call six activities that do nothing.
import { proxyActivities } from '@temporalio/workflow';

export async function bare(queues: string[]): Promise<void> {
  const call = (taskQueue: string) => proxyActivities<{ nothing(): Promise<void> }>({ taskQueue, startToCloseTimeout: '30s' }).nothing();
  await Promise.all(queues.map(call));
}
