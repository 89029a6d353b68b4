import type { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { namingOf } from '../naming.ts';
import type { QueueState, Queues, ServerState } from '../queues.ts';
import { CODE, codeOf } from './grpc.ts';
import { searchAttributes, typeNames } from './search-attributes.ts';

const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } =
  proto.temporal.api.enums.v1.TaskQueueType;

/** How long somebody who looks waits for Temporal, in ms. */
const PATIENCE = 2000;

/**
 * Temporal's queues. A limit is the server's own configuration of the queue, so it holds for every
 * worker in every language.
 */
export function temporalQueues(client: Client, { workflowQueue } = namingOf(undefined)): Queues {
  return {
    enforcedBy: 'server',
    workflowQueue,
    describe: (taskQueue) =>
      soon(
        describe(
          client,
          taskQueue,
          taskQueue === workflowQueue ? TASK_QUEUE_TYPE_WORKFLOW : TASK_QUEUE_TYPE_ACTIVITY,
        ),
      ),
    setRate: (taskQueue, perSecond, by) => setRate(client, taskQueue, perSecond, by),
    server: () => serverState(client),
  };
}

/** Not by `client.withDeadline`: see `lazyConnection`. */
export async function soon<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`Temporal did not answer within ${PATIENCE / 1000} s`);
    const coded = Object.assign(error, { code: CODE.deadlineExceeded });
    timer = setTimeout(() => reject(coded), PATIENCE);
  });
  work.catch(() => {});
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function describe(
  client: Client,
  taskQueue: string,
  taskQueueType: number,
): Promise<QueueState> {
  const { stats, config, pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType,
    reportStats: true,
    reportConfig: true,
  });
  const limit = config?.queueRateLimit?.rateLimit;
  return {
    calls: Number(stats?.approximateBacklogCount ?? 0),
    age_seconds: seconds(stats?.approximateBacklogAge),
    rate: limit ? (limit.requestsPerSecond ?? 0) : null,
    pollers: (pollers ?? []).map(({ identity, lastAccessTime }) => ({
      identity: identity ?? '',
      seen_at: new Date(seconds(lastAccessTime) * 1000),
    })),
  };
}

type Moment = { seconds?: unknown; nanos?: number | null } | null | undefined;

const seconds = (moment: Moment) => Number(moment?.seconds ?? 0) + (moment?.nanos ?? 0) / 1e9;

async function setRate(
  client: Client,
  taskQueue: string,
  perSecond: number | null,
  by: { identity: string; reason: string },
) {
  const rateLimit = perSecond === null ? undefined : { requestsPerSecond: perSecond };
  await client.workflowService.updateTaskQueueConfig({
    namespace: client.options.namespace,
    identity: by.identity,
    taskQueue,
    taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
    updateQueueRateLimit: { rateLimit, reason: by.reason },
  });
}

async function serverState(client: Client): Promise<ServerState> {
  const { namespace } = client.options;
  try {
    await soon(client.workflowService.getSystemInfo({}));
  } catch (error) {
    return { away: reasonOf(error), namespace: null, searchAttributes: null };
  }
  const found = await soon(client.workflowService.describeNamespace({ namespace })).then(
    () => null,
    (error) =>
      codeOf(error) === CODE.notFound ? `there is no namespace "${namespace}"` : reasonOf(error),
  );
  const { operatorService } = client.connection as Connection;
  const attributes =
    found ??
    (await soon(operatorService.listSearchAttributes({ namespace })).then(
      ({ customAttributes }) => missing(customAttributes),
      (error) => (CODE.refused.includes(codeOf(error) ?? 0) ? undefined : reasonOf(error)),
    ));
  return { away: null, namespace: found, searchAttributes: attributes };
}

/** Which of ours are not there as they must be: what somebody who makes them has to know. */
function missing(there: Record<string, unknown> | null | undefined): string | null {
  const wrong = Object.entries(searchAttributes).filter(([name, type]) => there?.[name] !== type);
  const told = wrong.map(([name, type]) =>
    name in (there ?? {})
      ? `${name} is there and is no ${typeNames[type]}`
      : `${name} (${typeNames[type]})`,
  );
  return told.length > 0 ? `not registered: ${told.join(', ')}` : null;
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
