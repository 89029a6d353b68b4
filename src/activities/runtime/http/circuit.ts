import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../db/client.ts';
import { askUntilFree } from '../../../db/row-locks.ts';
import type { ResponseClass } from './classify-response.ts';
import type { HttpAttempt } from './http-attempt.ts';

/** When the circuit of a failing endpoint opens, and when it is tried again. */
export interface CircuitOptions {
  /** Consecutive failures that open the circuit; 0 disables it. */
  failures: number;
  /** First wait before a probe, in ms. Later waits are as long as the receiver has been failing. */
  firstMs: number;
  /** Longest wait before a probe, in ms. */
  longestMs: number;
}

/** For deliveries outside a dispatch: they never open a circuit. */
export const NO_CIRCUIT: CircuitOptions = { failures: 0, firstMs: 0, longestMs: 0 };

/** A receiver's health after an attempt. */
export interface ReceiverHealth {
  /** Time until the next probe, in ms. Null if the circuit is closed. */
  probe_in_ms: number | null;
  /** Time for which it has asked for no request, in ms. */
  rest_in_ms: number | null;
  /** How long the circuit has been open, in ms; null if it is closed. */
  failing_ms: number | null;
}

/**
 * Where a receiver's health stands: one row of a table with `failures`, `failing_since`,
 * `probe_at`, `failing_cause` and `resting_until`.
 */
export interface HealthRow {
  table: SQL;
  /** The condition that finds it. */
  is: SQL;
}

/** An attempt, as far as it matters to its receiver's health. */
export interface HealthAttempt {
  attempt: HttpAttempt;
  responseClass: ResponseClass;
  circuit: CircuitOptions;
  /** The circuit was open, and this attempt tried whether the receiver works again. */
  isProbe?: boolean;
  /** A single attempt outside a dispatch. Its failure does not count against the receiver. */
  isTest?: boolean;
}

/**
 * Claims the probe of a failing receiver, so that only one request tries whether it works again.
 *
 * @param holdMs how long the claim lasts if this process dies
 * @returns whether the claim succeeded; if not, in how many ms the next probe is due, or null if
 * the receiver works again
 */
export async function claimProbe(
  db: Database['db'],
  { table, is }: HealthRow,
  holdMs: number,
): Promise<{ mine: boolean; inMs: number | null }> {
  const [row] = await db.execute(sql`
    with mine as (
      ${updateFree(
        { table, is },
        {
          set: sql`probe_at = now() + make_interval(secs => ${holdMs / 1000})`,
          when: sql`probe_at <= now()`,
        },
      )} returning true
    )
    select exists (select from mine) as mine,
      extract(epoch from probe_at - now())::float8 * 1000 as in_ms
    from ${table} where ${is}`);
  if (!row) return { mine: false, inMs: null };
  // After a lost race, or while the row is locked, the probe is already due.
  const inMs = row.in_ms === null ? null : Math.max(1000, Number(row.in_ms));
  return { mine: row.mine === true, inMs };
}

/** A change of a receiver's row. */
export interface HealthChange {
  set: SQL;
  /** Otherwise there is nothing to change. */
  when: SQL;
}

/** The update of a receiver's row. It does nothing while somebody else has the row locked. */
export const updateFree = ({ table, is }: HealthRow, { set, when }: HealthChange): SQL => sql`
  update ${table} set ${set} where ${is} and exists (
    select from ${table} where ${is} and ${when} for no key update skip locked)`;

/** Changes a receiver's row. One that stays locked is left as it is. */
export async function changeHealth(
  db: Database['db'],
  receiver: HealthRow,
  change: HealthChange,
): Promise<void> {
  const { table, is } = receiver;
  const ask = () =>
    db.execute<{ is_locked: boolean }>(sql`
      with changed as (${updateFree(receiver, change)} returning true)
      select exists (select from ${table} where ${is} and ${change.when})
        and not exists (select from changed) as is_locked`);
  await askUntilFree(ask, ([row]) => row?.is_locked === true);
}

/**
 * What an attempt changes of a receiver's row:
 *
 * - An attempt that is not retried clears its failures.
 * - Retry-After makes it rest.
 * - A test, or the worker's own trouble, changes nothing.
 * - Everything else counts as a failure.
 */
export function healthChange(made: HealthAttempt): HealthChange {
  const { responseClass } = made;
  if (responseClass.state !== 'retry') return failuresCleared;
  const { cause, after_ms: restMs = 0 } = responseClass;
  if (restMs > 0 && !made.isProbe) return { set: rest(cause, restMs), when: sql`true` };
  if (made.isTest || made.attempt.failure?.ours) return unchanged;
  return { set: failureCounted(made, cause, restMs), when: sql`true` };
}

const unchanged: HealthChange = { set: sql`failures = failures`, when: sql`false` };

const failuresCleared: HealthChange = {
  set: sql`failures = 0, failing_since = null, probe_at = null`,
  when: sql`failures > 0`,
};

/** A rest is no failure: the receiver says how much it can take. */
const rest = (cause: string, restMs: number): SQL =>
  sql`resting_until = ${restingUntil(restMs)}, failing_cause = ${cause}`;

/** Of several attempts in flight the longest rest counts. */
const restingUntil = (restMs: number): SQL =>
  restMs > 0
    ? sql`greatest(resting_until, now() + make_interval(secs => ${restMs / 1000}))`
    : sql`resting_until`;

/** While the circuit is open, only a probe moves the next probe. Other attempts began before. */
function failureCounted(
  { circuit: { failures, firstMs, longestMs }, isProbe = false }: HealthAttempt,
  cause: string,
  restMs: number,
): SQL {
  const first = sql`make_interval(secs => ${firstMs / 1000})`;
  const longest = sql`make_interval(secs => ${longestMs / 1000})`;
  return sql`failures = failures + 1, failing_cause = ${cause},
      failing_since = case when ${failures} > 0 and failures + 1 >= ${failures}
        then coalesce(failing_since, now()) end,
      probe_at = case
        when ${failures} = 0 or failures + 1 < ${failures} then null
        when probe_at is null then now() + ${first}
        when ${isProbe} then now() + least(greatest(now() - failing_since, ${first}), ${longest})
        else probe_at end,
      resting_until = ${restingUntil(restMs)}`;
}
