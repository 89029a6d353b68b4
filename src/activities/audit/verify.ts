import { setTimeout as wait } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Heavy } from '../../db/heavy/heavy.ts';
import { type AuditVerdict, beginning, checkChain, type Mark, type Read } from './check-chain.ts';

export type { AuditVerdict } from './check-chain.ts';

/** How far a check has come that takes too long for one request. */
export interface AuditProgress {
  /** Entries that hold. */
  checked: number;
  /** Entries in the chain. */
  entries: number;
}

export interface VerifyOptions {
  heavy: Heavy;
  /** See `auditKey`. */
  key: Buffer;
  /** Longest check for one request, in ms (default 10 s). */
  limitMs?: number;
}

const LIMIT = 10_000;

/** Longest statement of a check, and longest wait for its place, in ms. */
const PAGE_LIMITS = { limitMs: 5_000, waitMs: 2_500 };

/** How long an interrupted check is kept, so that the next one continues it, in ms. */
const KEPT = 60_000;

/** A check is kept only if it took this part of the limit. A short one begins anew. */
const WORTH_KEEPING = 0.2;

/** A check in progress. */
interface Run {
  verdict: Promise<AuditVerdict>;
  mark: Mark;
  isContinued: boolean;
  began: number;
  /** Requests that wait for it. */
  askers: number;
  stop: AbortController;
}

/**
 * Checks a workspace's chain from its first entry to its head, and each entry's event in the log
 * unless that has expired.
 *
 * - Requests during a check share it. It stops when the last one has left.
 * - A long check that was stopped continues within a minute where it was.
 * - After a finished check the next one begins at the first entry, so it finds later tampering.
 *
 * @returns the progress if the check takes longer than the limit: ask again
 * @throws NoPlaceError, TookTooLongError, the signal's reason, or Postgres' error
 */
export function verifyAudit({ heavy, key, limitMs = LIMIT }: VerifyOptions) {
  const runs = new Map<string, Run>();
  const interrupted = new LRUCache<string, Mark>({ max: 1000, ttl: KEPT });

  function begin(workspaceId: string): Run {
    const stop = new AbortController();
    const read: Read = (statements) =>
      heavy.read(
        { owner: workspaceId, ...PAGE_LIMITS, signal: stop.signal, byIndex: true },
        statements,
      );
    const kept = interrupted.get(workspaceId);
    interrupted.delete(workspaceId);
    const mark = kept ?? beginning(key, workspaceId);
    const verdict = checkChain(read, key, workspaceId, mark, (reached) => {
      run.mark = reached;
    });
    const run: Run = {
      verdict,
      mark,
      isContinued: kept !== undefined,
      began: performance.now(),
      askers: 0,
      stop,
    };
    runs.set(workspaceId, run);
    verdict.then(
      () => runs.get(workspaceId) === run && runs.delete(workspaceId),
      () => interrupt(workspaceId, run),
    );
    return run;
  }

  /** Later requests begin a run of their own, which continues this one if that is worth it. */
  function interrupt(workspaceId: string, run: Run): void {
    if (runs.get(workspaceId) !== run) return;
    runs.delete(workspaceId);
    const isLong = performance.now() - run.began > WORTH_KEEPING * limitMs;
    if (run.isContinued || isLong) interrupted.set(workspaceId, run.mark);
  }

  return async (
    workspaceId: string,
    signal?: AbortSignal,
  ): Promise<AuditVerdict | AuditProgress> => {
    signal?.throwIfAborted();
    const run = runs.get(workspaceId) ?? begin(workspaceId);
    run.askers += 1;
    try {
      return await verdictInTime(run, limitMs, signal);
    } finally {
      run.askers -= 1;
      if (run.askers === 0) {
        interrupt(workspaceId, run);
        run.stop.abort(new Error('nobody waits for this check any more'));
      }
    }
  };
}

/** The verdict, or the progress when the time is over. */
async function verdictInTime(
  run: Run,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<AuditVerdict | AuditProgress> {
  const ended = new AbortController();
  const stop = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  const progress = wait(limitMs, undefined, { signal: stop }).then(() => progressOf(run));
  try {
    return await Promise.race([run.verdict, progress]);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
  }
}

const progressOf = ({ mark: { end, head } }: Run): AuditProgress => ({
  checked: end.entries,
  entries: head?.entries ?? 0,
});
