import type { Sql } from 'postgres';
import { oldestUndispatched } from '../outbox/ledger.ts';

export interface Readiness {
  ok: boolean;
  /** What was found, and where it is not ok what is wrong. */
  detail: { database: 'ok' | 'away'; oldest_undispatched_seconds: number | null; problem?: string };
}

/**
 * Progress, not liveness: a process that answers while its events lie undispatched is not ready.
 *
 * @param maxAgeMs how long the oldest event may wait for its dispatch
 */
export async function readiness(sql: Sql, maxAgeMs: number): Promise<Readiness> {
  try {
    const age = await oldestUndispatched(sql);
    const detail = { database: 'ok', oldest_undispatched_seconds: age } as const;
    if (age === null || age * 1000 <= maxAgeMs) return { ok: true, detail };
    const problem = `the oldest undispatched event has waited ${Math.round(age)} s, more than ${maxAgeMs / 1000} s: is Temporal reachable (or the transport in its place), is a dispatcher running, has an effect worker registered?`;
    return { ok: false, detail: { ...detail, problem } };
  } catch (error) {
    const problem = `the database does not answer: ${error instanceof Error ? error.message : error}`;
    return { ok: false, detail: { database: 'away', oldest_undispatched_seconds: null, problem } };
  }
}
