import { LRUCache } from 'lru-cache';
import type { Heavy } from '../../db/heavy/heavy.ts';
import { type AuditVerdict, beginning, type Mark, type Read, walk } from './walk.ts';

export type { AuditVerdict } from './walk.ts';

/** How far a check has come that took too long for one request. */
export interface AuditProgress {
  /** Entries that were found to hold. */
  checked: number;
  /** Entries there are. */
  entries: number;
}

export interface VerifyOptions {
  heavy: Heavy;
  /** See `auditKey`. */
  key: Buffer;
  /** Longest check in one go, in ms. Default: 10 s. */
  limitMs?: number;
}

const LIMIT = 10_000;

/** Longest statement of a check, and longest wait for its place, in ms. */
const PAGE = { limitMs: 5_000, waitMs: 2_500 };

/** A check that was broken off goes on for so long where it was, in ms … */
const KEPT = 60_000;

/**
 * … where it had taken this part of the limit. A shorter one begins anew, so that it sees what has
 * been changed since.
 */
const WORTH_KEEPING = 0.2;

/** A check under way, for how many, and how far it is. */
interface Run {
  verdict: Promise<AuditVerdict>;
  progress: { mark: Mark; wentOn: boolean; began: number };
  askers: number;
  stop: AbortController;
}

/**
 * Checks a workspace's chain from its first entry to its head, and each entry's event in the log,
 * unless that has expired. Who asks while a check of that chain is under way shares it. One that
 * all have left ends; if it had been long it is gone on with where it was, for a minute. After one
 * that was finished the next begins at the first entry again, so that it finds whatever was
 * tampered with.
 *
 * @returns how far it has come where the time did not do: ask again
 * @throws NoPlaceError, TookTooLongError, the signal's reason, or Postgres' error
 */
export function verifyAudit({ heavy, key, limitMs = LIMIT }: VerifyOptions) {
  const runs = new Map<string, Run>();
  const brokenOff = new LRUCache<string, Mark>({ max: 1000, ttl: KEPT });

  function begin(workspaceId: string): Run {
    const stop = new AbortController();
    const read: Read = (statements) =>
      heavy.read({ owner: workspaceId, ...PAGE, signal: stop.signal, byIndex: true }, statements);
    const from = brokenOff.get(workspaceId);
    brokenOff.delete(workspaceId);
    const progress = {
      mark: from ?? beginning(key, workspaceId),
      wentOn: from !== undefined,
      began: performance.now(),
    };
    const note = (mark: Mark) => {
      progress.mark = mark;
    };
    const verdict = walk(read, key, workspaceId, progress.mark, note);
    const run = { verdict, progress, askers: 0, stop };
    runs.set(workspaceId, run);
    verdict.then(
      () => runs.get(workspaceId) === run && runs.delete(workspaceId),
      () => breakOff(workspaceId, run),
    );
    return run;
  }

  /**
   * From now on who asks begins a run of their own, which goes on where this one was if that is
   * worth it.
   */
  function breakOff(workspaceId: string, run: Run): void {
    if (runs.get(workspaceId) !== run) return;
    runs.delete(workspaceId);
    const { mark, wentOn, began } = run.progress;
    if (wentOn || performance.now() - began > WORTH_KEEPING * limitMs)
      brokenOff.set(workspaceId, mark);
  }

  return async (
    workspaceId: string,
    signal?: AbortSignal,
  ): Promise<AuditVerdict | AuditProgress> => {
    signal?.throwIfAborted();
    const run = runs.get(workspaceId) ?? begin(workspaceId);
    run.askers += 1;
    try {
      return await within(run, limitMs, signal);
    } finally {
      run.askers -= 1;
      if (run.askers === 0) {
        breakOff(workspaceId, run);
        run.stop.abort(new Error('nobody waits for this check any more'));
      }
    }
  };
}

/** The verdict, or how far it is when the time is over. */
async function within(
  run: Run,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<AuditVerdict | AuditProgress> {
  let [timer, leave] = [undefined as NodeJS.Timeout | undefined, () => {}];
  const over = new Promise<AuditProgress>((resolve, reject) => {
    timer = setTimeout(
      () =>
        resolve({
          checked: run.progress.mark.end.entries,
          entries: run.progress.mark.head?.entries ?? 0,
        }),
      limitMs,
    );
    leave = () => reject(signal?.reason);
    signal?.addEventListener('abort', leave);
  });
  try {
    return await Promise.race([run.verdict, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
  }
}
