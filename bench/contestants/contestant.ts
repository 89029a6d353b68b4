import type { Ground } from '../ground.ts';
import type { Journey, Times } from '../idle/journey.ts';
import type { Shape } from '../shapes.ts';

/** Who is measured: a file in this folder, or an entry in peers.ts, and a line in index.ts. */
export interface Contestant {
  name: string;
  title: string;
  /** Side effects of a message; 0: it has none, or nobody works on them. */
  effects: number;
  /**
   * Most messages that wait in the catch-up part (default: as many as are asked for); for one that
   * would take hours. 0: none can wait.
   */
  backlog?: number;
  /**
   * How long (ms) without a further effect until what a crash left counts as lost (default 8,000).
   */
  patience?: number;
  /** Why it can't take part on this machine, or undefined. */
  absent?(): Promise<string | undefined>;
  /** Starts its processes, on a database of its own. */
  enter(ground: Ground): Promise<Entrant>;
}

/** A contestant that is ready. */
export interface Entrant {
  /** Where its API answers; another one after a restart. */
  readonly url: string;
  /** The process that answers. */
  readonly apiPid: number;
  /** Requests of this shape, ready to be sent in turn. */
  requests(shape: Shape): Promise<Buffer[]>;
  /** Begins to count. */
  watch(): Promise<Watch>;
  /** Posts one message. @returns with what {@link happened} knows it by */
  post(): Promise<string>;
  /** When each effect of that message was committed, ms since 1970; of those that have happened. */
  happened(message: string): Promise<number[]>;
  /** The moments of that message's way, where they are known. */
  journey?(message: string, times: Times): Promise<Journey>;
  /** `vacuum analyze`, as the server's own would do in time. */
  tidy(): Promise<void>;
  /** Kills the API where it stands (SIGKILL). */
  killApi(): Promise<void>;
  startApi(): Promise<void>;
  /** Stores messages whose effects wait, as fast as it can; its workers are stopped. */
  fill(messages: number): Promise<void>;
  stopWorkers(): Promise<void>;
  startWorkers(): Promise<void>;
  /**
   * Temporal actions of everything that was started since that moment (ms since 1970); where there
   * is no Temporal, none.
   */
  actions?(since: number): Promise<number>;
  stop(): Promise<void>;
}

/** Counts from one moment on. */
export interface Watch {
  messages(): Promise<number>;
  effects(): Promise<number>;
  /** When the last of these effects was committed, ms since 1970. */
  lastEffect(): Promise<number>;
}
