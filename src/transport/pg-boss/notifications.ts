import type { Sql } from 'postgres';

/** Tells consumers that a queue has jobs; the payload is its name. */
const CALLS_CHANNEL = 'knockon_calls';

/** Wakes the consumers of these queues. */
export async function tellConsumers(pg: Sql, queues: string[]): Promise<void> {
  await pg`select pg_notify(${CALLS_CHANNEL}, queue) from unnest(${queues}::text[]) as q (queue)`;
}

/** The same, as part of a transaction of pg-boss's kind. */
export const tellConsumersStatement = (queue: string) => ({
  text: 'select pg_notify($1, $2)',
  values: [CALLS_CHANNEL, queue],
});

/**
 * Calls with the name of each queue that has got jobs, and with undefined where it can't tell
 * which.
 */
export async function listenForCalls(
  listen: (channel: string, onNotify: (queue?: string) => void) => Promise<boolean>,
  onCalls: (queue?: string) => void,
): Promise<void> {
  await listen(CALLS_CHANNEL, onCalls);
}

/**
 * How many calls wait in a queue and the age of the oldest; null where the database does not
 * answer. What is due later does not count.
 */
export async function jobBacklog(
  pg: Sql,
  queue: string,
): Promise<{ count: number; age_seconds: number } | null> {
  const [row] = await pg<{ count: number; age_seconds: number }[]>`
    select count(*)::int as count, coalesce(extract(epoch from now() - min(start_after)),
      0)::float8 as age_seconds
    from knockon.job where name = ${queue} and state < 'active' and not blocked
      and start_after <= now()`.catch(() => []);
  return row ?? null;
}
