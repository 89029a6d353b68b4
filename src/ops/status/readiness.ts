import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { databaseTrouble, errorCode } from '../../db/errors.ts';
import { soon } from '../../db/soon.ts';
import { oldestUndispatched } from '../../outbox/ledger.ts';
import { safeReason } from '../../safe-error.ts';
import type { Checked } from './ledger-check.ts';

export interface Readiness {
  ok: boolean;
  /** What was found, and where something is wrong what it is. */
  detail: {
    database: 'ok' | 'away' | 'read-only';
    oldest_undispatched_seconds: number | null;
    /** What the newest background check of the ledger found; null before the first. */
    ledger: LedgerDetail | null;
    problem?: string;
  };
}

/** The ledger in a few figures, over all subscribers. */
export interface LedgerDetail {
  checked_at: string;
  missing: number;
  oldest_missing_seconds: number | null;
  in_flight: number;
  dead: number;
}

/**
 * Progress, not liveness: a process that answers while its events lie undispatched, or while
 * effects have been lost and nobody brings them about, is not ready. Looks two things up by index;
 * the ledger's figures are the newest check's. Answers within 1.5 s.
 *
 * @param maxAgeMs how long an event may wait for its dispatch, and how long an effect may be
 * missing
 */
export async function readiness(
  database: Database,
  maxAgeMs: number,
  checked: Checked | null,
): Promise<Readiness> {
  const ledger = checked && ledgerDetail(checked);
  try {
    const age = await soon(look(database));
    const problems = [
      undispatchedProblem(age, maxAgeMs),
      ...(ledger ? [missingProblem(ledger, maxAgeMs)] : []),
    ].filter(Boolean);
    const detail = { database: 'ok', oldest_undispatched_seconds: age, ledger } as const;
    const late = age !== null && age * 1000 > maxAgeMs;
    const lost = (ledger?.oldest_missing_seconds ?? 0) * 1000 > maxAgeMs;
    return {
      ok: !late && !lost,
      detail: problems.length > 0 ? { ...detail, problem: problems.join('; ') } : detail,
    };
  } catch (error) {
    const isReadOnly = errorCode(error) === '25006';
    const trouble = databaseTrouble(error);
    const problem = trouble
      ? `${trouble.problem}. ${trouble.remedy}`
      : `the database does not answer: ${safeReason(error)}`;
    return {
      ok: false,
      detail: {
        database: isReadOnly ? 'read-only' : 'away',
        oldest_undispatched_seconds: null,
        ledger,
        problem,
      },
    };
  }
}

/**
 * The age of the oldest undispatched event, asked by both of the pools that serve requests: a fresh
 * connection would say nothing of theirs. Asks as who writes does, so that a standby is told, and
 * sessions that stay read-only are replaced.
 */
async function look({ db, pg }: Database): Promise<number | null> {
  const [age] = await Promise.all([
    oldestUndispatched(pg),
    pg`select from knockon.subscribers limit 0 for update`,
    db.execute(sql`select from knockon.subscribers limit 0 for update`),
  ]);
  return age;
}

function ledgerDetail({ balance, checked_at }: Checked): LedgerDetail {
  const sum = (pick: 'missing' | 'in_flight' | 'dead') =>
    balance.subscribers.reduce((n, subscriber) => n + subscriber[pick], 0);
  const oldest = balance.missing.reduce<number | null>(
    (age, { age_seconds }) => Math.max(age ?? 0, age_seconds),
    null,
  );
  return {
    checked_at: checked_at.toISOString(),
    missing: sum('missing'),
    // The age it had then, and what has passed since.
    oldest_missing_seconds:
      oldest === null ? null : oldest + Math.max(0, Date.now() - checked_at.getTime()) / 1000,
    in_flight: sum('in_flight'),
    dead: sum('dead'),
  };
}

function undispatchedProblem(age: number | null, maxAgeMs: number): string | undefined {
  if (age === null || age * 1000 <= maxAgeMs) return undefined;
  return (
    `the oldest undispatched event has waited ${Math.round(age)} s, more than ${maxAgeMs / 1000} ` +
    's: is Temporal reachable (or the transport in its place), is a dispatcher running, has an ' +
    'effect worker registered?'
  );
}

function missingProblem(
  { missing, oldest_missing_seconds }: LedgerDetail,
  maxAgeMs: number,
): string | undefined {
  if (missing === 0) return undefined;
  const age = Math.round(oldest_missing_seconds ?? 0);
  const late = age * 1000 > maxAgeMs ? `, for longer than ${maxAgeMs / 1000} s` : '';
  const what = missing === 1 ? '1 effect is' : `${missing} effects are`;
  return (
    `${what} missing (no dispatch is running for ${missing === 1 ? 'it' : 'them'}), the oldest ` +
    `of an event of ${age} s ago${late}: \`knockon verify\` names them, healing restarts them`
  );
}
