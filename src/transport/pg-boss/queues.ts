import type { Sql } from 'postgres';
import type { Queues } from '../queues.ts';
import { jobBacklog, tellConsumers } from './call-queue.ts';

/** pg-boss's queues. It knows no pause and no limit: workers heed the controls' rows, and are told when one has changed. */
export function pgBossQueues(sql: Sql): Queues {
  return {
    steeredBy: 'workers',
    async describe(taskQueue) {
      const backlog = await jobBacklog(sql, taskQueue);
      return { calls: backlog?.count ?? 0, age_seconds: backlog?.age_seconds ?? 0, rate: null, pollers: [] };
    },
    setRate: (taskQueue) => tellConsumers(sql, [taskQueue]),
    server: async () => null,
  };
}
