/**
 * The moments at which a crash must lose and double nothing. Tests arm one by KNOCKON_CRASH; the
 * process then dies there as by kill -9.
 */
export type CrashPoint =
  /** Messages and events are committed, nobody has been told. */
  | 'after-commit'
  /** Events that were scheduled are in the outbox, nobody has claimed them. */
  | 'after-promote'
  /** Events belong to a dispatch, its workflow has not been started. */
  | 'after-claim'
  /** The workflow runs, the dispatch is not marked as started. */
  | 'after-start'
  /** An effect is done, its transaction not committed or its receipt not written. */
  | 'in-effect';

export function crashPoint(name: CrashPoint): void {
  if (process.env.KNOCKON_CRASH === name) process.kill(process.pid, 'SIGKILL');
}
