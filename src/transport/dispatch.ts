// The wire: names and JSON shapes that API, workflow worker and effect workers agree on. A worker
// in another language speaks exactly this. Workflow code may import types from here.

/** How often and how fast an effect is tried again. */
export interface RetryPolicy {
  /** Tries in all; 1 means never again, 0 means without end. */
  attempts: number;
  /** Before the second try, in ms. */
  initial_ms: number;
  /** Longest wait, in ms. */
  max_ms: number;
  /** Each wait is the one before times this. */
  backoff: number;
}

/** What the workflow needs to know of a subscriber. */
export interface SubscriberSpec {
  name: string;
  task_queue: string;
  activity: string;
  /** Most events a call. */
  batch: number;
  /** Longest one call may take, in ms. */
  timeout_ms: number;
  retry: RetryPolicy;
  /** Set where somebody's own worker takes its calls: its answers are not taken on trust. */
  host?: 'worker';
}

/**
 * A group of events of one type: the input of a workflow. The events themselves stay in Postgres.
 */
export interface Dispatch {
  /** UUIDv7; the workflow's id too. */
  id: string;
  type: string;
  /** How many events. */
  size: number;
  subscribers: SubscriberSpec[];
  /** Of whose database it is: `deployment.id`. Its calls say so too. */
  origin?: string;
  /**
   * Whose its events are, where others must not wait for all of them: calls of different shares
   * take turns in their queue, where the server does that.
   */
  share?: string;
}

/** Which of a dispatch's events: a run of them in order of their ids, or these. */
export type Selection = { offset: number; limit: number } | { ids: string[] };

/** The input of an effect's activity. */
export interface EffectCall {
  dispatch_id: string;
  /** The dispatch's. A worker whose database is another does nothing, and answers nothing. */
  origin?: string;
  subscriber: string;
  events: Selection;
  /** Set when one target of one event is tried again. */
  target?: string;
  /**
   * Set, instead of `target`, when several targets of one event are tried again: each is answered
   * for. Only where the worker takes them.
   */
  targets?: string[];
  /**
   * Set where a worker has died while it was at these events: such calls are made one at a time,
   * and say `begun` in a heartbeat first.
   */
  suspect?: boolean;
  /**
   * True for a call about a single event: where `tried` is unset, "retry" is then thrown, so that
   * Temporal's own retry policy applies.
   */
  alone: boolean;
  /**
   * Set for a call about a single event by workflows that count its tries themselves: how many
   * there were. "retry" is then answered, not thrown: the workflow waits by a timer, which holds
   * nothing, and hears how long the other side asked for, which no failure tells it.
   */
  tried?: number;
}

/**
 * A heartbeat's details. Should the worker die of a suspected call that has not said that it is
 * begun, that one is not to blame.
 */
export type Beat = 'begun' | 'not begun';

/**
 * What an effect answers for an event that is not done. `target` names one of several targets (an
 * endpoint, a recipient); each is retried alone, and the event is called once more when all of them
 * are done or dead. `share` says whose it is: what is followed up is called in turns among these,
 * so that nobody waits until all of another is done.
 */
export type OpenOutcome = { event_id: string; target?: string; share?: string } & (
  | { state: 'retry'; reason: string; cause?: string; after_ms?: number }
  /**
   * `in_ms`, counted from the answer, goes before `until`, which is a moment by the worker's clock:
   * clocks of two machines differ. `reason`: what it waits for, where that is worth knowing.
   * `apart`: it is called again with others of its `share` alone.
   */
  | { state: 'later'; until: string; in_ms?: number; reason?: string; apart?: true }
  | { state: 'dead'; reason: string; cause?: string }
);

/** The answer of an effect's activity: events that are not listed are done. */
export interface EffectAnswer {
  done: number;
  open: OpenOutcome[];
  /**
   * Set where targets are open and the worker takes calls for several of them (`targets`): they are
   * made where that is due.
   */
  takes_targets?: true;
  /**
   * Set where the call was not made at all, and is to be made at that moment. That uses up no try.
   */
  put_off?: string;
  /** The same, counted from the answer; goes before `put_off`. */
  put_off_ms?: number;
}

/** Longest that an answer from outside may have an event wait, in ms. */
export const LONGEST_WAIT = 30 * 24 * 60 * 60_000;

/** In how many ms a moment is that an answer from outside names; NaN where it is none. */
export const msUntil = (moment: unknown, now: number): number =>
  typeof moment === 'string' && MOMENT.test(moment) ? Date.parse(moment) - now : Number.NaN;

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * The input of the `areOfCall` activity: whether these ids are all of events that the call is for.
 */
export interface AnsweredFor {
  dispatch_id: string;
  events: Selection;
  ids: string[];
}

/** The input of the `recordDeadLetters` activity. */
export interface DeadLetters {
  dispatch_id: string;
  origin?: string;
  subscriber: string;
  letters: { events: Selection; target?: string; cause: string; reason: string }[];
}

/** How many open dead letters a dispatch has, and whose they are, in order. */
export interface OpenLetters {
  open: number;
  effects: string[];
}

/** The workflow that shows them, its signal, and its id. */
export const LETTERS_WORKFLOW = 'showLetters';
export const LETTERS_SIGNAL = 'changed';
export const lettersWorkflowId = (dispatchId: string): string => `letters.${dispatchId}`;

/** The task queue of the workflows, and of what they need done in the database. */
export const WORKFLOW_QUEUE = 'workflows';

/** Whose events a workspace's are, as a `share`: the end of its id, which is its random part. */
export const workspaceShare = (workspaceId: string): string => workspaceId.slice(-8);

/** The task queue of an effect. */
export const effectQueue = (name: string): string => `effects.${name}`;

/** `message.created` → `onMessageCreated`. */
export const workflowName = (eventType: string): string =>
  `on${eventType
    .split(/[._]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}`;

/**
 * The signal that tells a dispatch's workflow to leave off one of its subscribers, by its name:
 * nothing of it is waited for any more.
 */
export const DROP_SIGNAL = 'drop';
