import type { Sql } from 'postgres';
import type { Queues } from '../queues.ts';
import { jobBacklog } from './notifications.ts';

/** Tells workers that operators want something else of a queue; the payload is its name. */
export const CONTROLS_CHANNEL = 'knockon_controls';

/**
 * pg-boss's queues. It knows no pause and no limit: workers apply the controls' rows, and are told
 * when one has changed.
 */
export function pgBossQueues(pg: Sql): Queues {
  return {
    enforcedBy: 'workers',
    async describe(taskQueue) {
      const backlog = await jobBacklog(pg, taskQueue);
      return {
        calls: backlog?.count ?? 0,
        age_seconds: backlog?.age_seconds ?? 0,
        rate: null,
        pollers: [],
      };
    },
    setRate: async (taskQueue) =>
      void (await pg`select pg_notify(${CONTROLS_CHANNEL}, ${taskQueue})`),
    server: async () => null,
  };
}
