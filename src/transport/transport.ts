import type { Dispatch } from './dispatch.ts';

/** What the dispatcher knows of a claimed group beside its dispatch: for the search attributes of its workflow. */
export interface DispatchScope {
  workspace_ids: string[];
  channel_ids: string[];
}

/** The queue as a strategy: who takes a dispatch and sees its effects through. */
export interface Transport {
  /**
   * Hands a dispatch over. Starting the same id again must not run it twice.
   *
   * @returns the run's id, or null where the dispatch was already taken
   * @throws where the transport can't be reached; the dispatcher tries again
   */
  start(dispatch: Dispatch, scope: DispatchScope): Promise<string | null>;
  close(): Promise<void>;
}
