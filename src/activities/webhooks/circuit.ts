import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';

/** When an endpoint that fails is left alone. */
export interface CircuitOptions {
  /** Failures in a row after which it is; 0: never. */
  failures: number;
  /**
   * The first wait before one delivery tries whether it works again, in ms. Then as long as it has
   * been failing so far.
   */
  firstMs: number;
  /** The longest, in ms. */
  longestMs: number;
}

/**
 * Claims to be the one delivery that tries whether a failing endpoint works again.
 *
 * @param holdMs how long nobody else does, should this one never come to its end
 * @returns whether it is; otherwise in how many ms the next may try, null where the endpoint works
 * again
 */
export async function claimProbe(
  db: Database['db'],
  endpointId: string,
  holdMs: number,
): Promise<{ mine: boolean; inMs: number | null }> {
  const [row] = await db.execute(sql`
    with mine as (
      update endpoints set probe_at = now() + make_interval(secs => ${holdMs / 1000}) where id = ${endpointId} and probe_at <= now() returning id
    )
    select exists (select from mine) as mine, extract(epoch from probe_at - now())::float8 * 1000 as in_ms from endpoints where id = ${endpointId}`);
  if (!row) return { mine: false, inMs: null };
  // Somebody else claimed it in the same moment: the row that is seen here is the one from before.
  return {
    mine: row.mine === true,
    inMs: row.in_ms === null ? null : Math.max(1000, Number(row.in_ms)),
  };
}

/** The endpoint works: one success heals it. */
export const healed = (endpointId: string): SQL => sql`
  update endpoints set failures = 0, failing_since = null, probe_at = null where id = ${endpointId} and failures > 0`;

/**
 * One more failure. Of a failing endpoint only the probe decides when the next one is: the others
 * were under way before.
 */
export function failedOnceMore(
  endpointId: string,
  cause: string,
  { failures, firstMs, longestMs }: CircuitOptions,
  { isProbe, restMs }: { isProbe: boolean; restMs: number },
): SQL {
  const first = sql`make_interval(secs => ${firstMs / 1000})`;
  const longest = sql`make_interval(secs => ${longestMs / 1000})`;
  return sql`
    update endpoints set failures = failures + 1, failing_cause = ${cause},
      failing_since = case when ${failures} > 0 and failures + 1 >= ${failures} then coalesce(failing_since, now()) end,
      probe_at = case
        when ${failures} = 0 or failures + 1 < ${failures} then null
        when probe_at is null then now() + ${first}
        when ${isProbe} then now() + least(greatest(now() - failing_since, ${first}), ${longest})
        else probe_at end,
      resting_until = ${restingUntil(restMs)}
    where id = ${endpointId}`;
}

/**
 * It asks to be left in peace for so long. That is no failure of its: it says how much it can bear.
 */
export const rests = (endpointId: string, cause: string, restMs: number): SQL => sql`
  update endpoints set resting_until = ${restingUntil(restMs)}, failing_cause = ${cause} where id = ${endpointId}`;

/** Several that were under way ask one after the other: the longest rest counts. */
const restingUntil = (restMs: number): SQL =>
  restMs > 0
    ? sql`greatest(resting_until, now() + make_interval(secs => ${restMs / 1000}))`
    : sql`resting_until`;

/**
 * It wants no more: nothing is sent to it from now on. @param url where that was said: an address
 * that was changed meanwhile has not said so
 */
export const disabledByItself = (endpointId: string, url: string): SQL => sql`
  update endpoints set disabled_at = now(), disabled_by = 'endpoint', disabled_reason = 'It answered HTTP 410 (Gone).',
    failures = 0, failing_since = null, probe_at = null, failing_cause = null, resting_until = null
  where id = ${endpointId} and url = ${url} and disabled_at is null`;
