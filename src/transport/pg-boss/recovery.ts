import type { PgBoss } from 'pg-boss';
import type { Sql } from 'postgres';
import type { Dispatch } from '../dispatch.ts';
import { slices } from '../retry/selection.ts';
import type { DispatchRef, Recovery } from '../transport.ts';
import { ensureQueues } from './boss.ts';
import { asJob, jobId } from './jobs.ts';
import { tellConsumers } from './notifications.ts';

/**
 * Jobs of dispatches: whether there are any to be done, and new ones for what is missing. A restart
 * starts `boss`.
 */
export function pgBossRecovery(boss: PgBoss, pg: Sql): Recovery {
  return {
    running: (dispatches) => withOpenJobs(pg, dispatches),
    async restart(dispatch, missing, nth) {
      await boss.start();
      const queues = dispatch.subscribers.map(({ task_queue }) => task_queue);
      await ensureQueues(boss, queues);
      await enqueue(boss, dispatch, missing, nth);
      await tellConsumers(pg, queues);
    },
    // What a worker is at it may end; what follows from that finds nothing to do.
    async drop(dispatches, { task_queue }) {
      await pg`
        delete from knockon.job
        where name = ${task_queue} and state < 'active'
          and singleton_key = any(${dispatches.map(({ id }) => id)}::text[])`;
    },
  };
}

/** Asks the database alone, so that a caller that only asks needs no pg-boss. */
export async function withOpenJobs(pg: Sql, dispatches: DispatchRef[]): Promise<Set<string>> {
  const ids = dispatches.map(({ id }) => id);
  const rows = await pg<{ id: string }[]>`
    select distinct singleton_key as id from knockon.job
    where singleton_key = any(${ids}::text[]) and state < 'completed'`;
  return new Set(rows.map(({ id }) => id));
}

async function enqueue(
  boss: PgBoss,
  dispatch: Dispatch,
  missing: Record<string, string[]>,
  nth: number,
): Promise<void> {
  for (const subscriber of dispatch.subscribers) {
    const ids = missing[subscriber.name] ?? [];
    const jobs = slices(ids.length, subscriber.batch).map(({ offset, limit }, i) => {
      const id = jobId(dispatch.id, subscriber.name, 'restart', nth, i);
      return asJob(
        { dispatch_id: dispatch.id, subscriber },
        { id, events: { ids: ids.slice(offset, offset + limit) }, tried: 0 },
      );
    });
    await boss.insert(subscriber.task_queue, jobs);
  }
}
