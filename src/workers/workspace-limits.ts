import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { LimitedSubscribers } from '../activities/runtime/workspace-limits.ts';
import type { Database } from '../db/client.ts';
import { type Repeated, repeat } from './process/repeat.ts';

/** How soon a worker hears that operators limit workspaces, in ms. */
const EVERY = 2000;

/**
 * Looks every two seconds which subscribers have limits of workspaces, so that the calls of all
 * others ask for nothing. What the limits are is read by each call.
 */
export function watchWorkspaceLimits({
  database: { pg },
  log,
}: {
  database: Pick<Database, 'pg'>;
  log: Pick<Logger, 'warn'>;
}): LimitedSubscribers & Repeated {
  let names = new Set<string>();
  const read = async () => {
    names = await readNames(pg);
  };
  const { stop } = repeat({ what: 'read the limits of workspaces', everyMs: EVERY, log }, read);
  return { has: (subscriber) => names.has(subscriber), stop };
}

async function readNames(pg: Sql): Promise<Set<string>> {
  const rows = await pg<{ subscriber: string }[]>`
    select distinct subscriber from knockon.workspace_limits`;
  return new Set(rows.map(({ subscriber }) => subscriber));
}
