import type { PgBoss } from 'pg-boss';
import type { Sql } from 'postgres';
import type { Dispatch } from '../dispatch.ts';
import type { Recovery, Transport } from '../transport.ts';
import { type BossOptions, createBoss, ensureQueues } from './boss.ts';
import { firstJobs } from './jobs.ts';
import { tellConsumers } from './notifications.ts';
import { pgBossRecovery } from './recovery.ts';

/**
 * One job a call, in a queue a subscriber. pg-boss is started at the first dispatch, so the process
 * starts though Postgres be away.
 */
export function createPgBossTransport(options: BossOptions & { pg: Sql }): Transport & Recovery {
  const boss = createBoss(options);
  const known = new Set<string>();
  return {
    ...pgBossRecovery(boss, options.pg),
    async start(dispatch) {
      await boss.start();
      const queues = dispatch.subscribers.map(({ task_queue }) => task_queue);
      const fresh = queues.filter((queue) => !known.has(queue));
      await ensureQueues(boss, fresh);
      for (const queue of fresh) known.add(queue);
      await enqueue(boss, dispatch);
      await tellConsumers(options.pg, queues);
      return null;
    },
    close: () => boss.stop({ graceful: false }),
  };
}

/** Not one transaction: what a crash leaves out is added when the dispatch is started again. */
async function enqueue(boss: PgBoss, dispatch: Dispatch): Promise<void> {
  for (const subscriber of dispatch.subscribers)
    await boss.insert(subscriber.task_queue, firstJobs(dispatch, subscriber));
}
