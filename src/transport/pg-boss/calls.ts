import type { Sql } from 'postgres';
import type { SeeCalls, SeenCall } from '../transport.ts';

interface Row extends Omit<SeenCall, 'scheduled_at' | 'started_at' | 'ended_at' | 'failure'> {
  scheduled_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  state: string;
}

/**
 * The calls of a dispatch, as its jobs tell; they are kept for an hour after they are done. One
 * that waits for others is due at no time.
 */
export const pgBossCalls =
  (pg: Sql): SeeCalls =>
  async (workflowId) => {
    const [dispatchId] = workflowId.split('.');
    const rows = await pg<Row[]>`
      select data->'subscriber'->>'name' as subscriber, data->'events' as events,
        coalesce((data->>'tried')::int, 0) + 1 as attempt,
        greatest(created_on, start_after) as scheduled_at, started_on as started_at,
          completed_on as ended_at, state::text as state
      from knockon.job where singleton_key = ${dispatchId ?? ''}
        and start_after < now() + interval '1 year' order by scheduled_at limit 1000`;
    return rows.map(({ scheduled_at, started_at, ended_at, state, ...row }) => ({
      ...row,
      scheduled_at: scheduled_at.toISOString(),
      started_at: started_at?.toISOString() ?? null,
      ended_at: ended_at?.toISOString() ?? null,
      failure: state === 'failed' ? 'it failed' : null,
    }));
  };
