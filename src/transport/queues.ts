/** Who takes calls from a queue, as the transport sees it. */
export interface Poller {
  identity: string;
  /** When it last asked for a call. A worker that is idle asks once a minute. */
  seen_at: Date;
}

/** What a transport knows of a task queue. */
export interface QueueState {
  /** Calls that wait; a call is for up to a batch of events. */
  calls: number;
  /** Age of the oldest of them, in seconds. */
  age_seconds: number;
  /** Most calls a second by the queue's own configuration; 0: it is paused; null: it has none. */
  rate: number | null;
  pollers: Poller[];
}

/**
 * What a server says of itself, for the doctor; each is null where it is as it must be, else what
 * is wrong.
 */
export interface ServerState {
  /** Null where it answers. */
  away: string | null;
  /** Null where the namespace is there. */
  namespace: string | null;
  /** Null where all search attributes are there; undefined where we may not ask. */
  searchAttributes: string | null | undefined;
}

/** A transport's queues, seen and steered from outside. */
export interface Queues {
  /**
   * Who keeps a limit: the `server`, for every worker in every language, or the `workers`
   * themselves, by the control's row.
   */
  enforcedBy: 'server' | 'workers';
  /** The task queue of the workflows; unset where there are none. */
  workflowQueue?: string;
  /** @throws where the transport does not answer within two seconds */
  describe(taskQueue: string): Promise<QueueState>;
  /**
   * Says how many calls a second the queue hands out, to all workers together: 0 none, null as many
   * as there are.
   *
   * @throws where the transport does not answer
   */
  setRate(
    taskQueue: string,
    perSecond: number | null,
    by: { identity: string; reason: string },
  ): Promise<void>;
  /** Null where there is no server but Postgres. */
  server(): Promise<ServerState | null>;
}
