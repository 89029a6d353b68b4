import type { Dispatch, OpenLetters, Selection, SubscriberSpec } from './dispatch.ts';

/**
 * What the dispatcher knows of claimed events beside their dispatch: for the search attributes of
 * its workflow.
 */
export interface DispatchScope {
  workspace_ids: string[];
  channel_ids: string[];
}

/** Carries dispatches to workers: Temporal or pg-boss. */
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

/** A dispatch, and how often what was missing of it has been started again. */
export interface DispatchRef {
  id: string;
  restarts: number;
}

/**
 * What a transport knows of dispatches it has taken, and how it is given again what it has lost.
 */
export interface Recovery {
  /**
   * The ids of those dispatches that are running.
   *
   * @throws where the transport can't be asked
   */
  running(dispatches: DispatchRef[]): Promise<Set<string>>;
  /**
   * Sees these events of a dispatch through once more, and nothing else of it. The same restart
   * twice is one.
   *
   * @param missing events' ids by the name of their subscriber; the dispatch's subscribers are
   * these
   * @param nth which restart of the dispatch it is, from 1
   */
  restart(dispatch: Dispatch, missing: Record<string, string[]>, nth: number): Promise<void>;
  /**
   * Stops all work for one subscriber in these dispatches. Other subscribers go on. Repeating it
   * changes nothing.
   *
   * @throws where the transport can't be reached
   */
  drop(
    dispatches: DispatchRef[],
    subscriber: Pick<SubscriberSpec, 'name' | 'task_queue'>,
  ): Promise<void>;
}

/** One call of an effect, as the transport saw it. */
export interface SeenCall {
  subscriber: string;
  /** Which of its dispatch's events. */
  events: Selection;
  /** Which try of this call. */
  attempt: number;
  /** When it came into its queue; RFC 3339. */
  scheduled_at: string;
  /** When a worker took it; null before. */
  started_at: string | null;
  /** Null while it is under way. */
  ended_at: string | null;
  /** Why it failed as a whole. */
  failure: string | null;
}

/**
 * The calls that a workflow has made, oldest first, as far as that is still known; nothing where
 * there is no such workflow.
 *
 * @throws where the transport can't be asked
 */
export type SeeCalls = (workflowId: string) => Promise<SeenCall[]>;

/**
 * Where people who look at the transport see which dispatches have open dead letters.
 */
export interface LetterBoard {
  /**
   * Shows these, and no others.
   *
   * @param open by the dispatch's id
   */
  show(open: Map<string, OpenLetters>): Promise<void>;
}
