// The wire of an operation: what its workflow, its activity and its starter agree on.

export type OperationVerb = 'retry' | 'reset' | 'replay' | 'backfill' | 'rebuild' | 'retire';

/** The input of an operation's workflow. What is to be done stands in the database. */
export interface OperationRef {
  id: string;
  verb: OperationVerb;
}

/** What a stretch of work on an operation came to. */
export interface OperationProgress {
  state: 'running' | 'paused' | 'done' | 'cancelled' | 'failed';
  done: number;
  failed: number;
  /** Null until it has been counted. */
  total: number | null;
  error: string | null;
  /** When it is worth going on, in ms. */
  wait_ms: number;
}

/** Makes sure that somebody runs an operation. */
export interface OperationDriver {
  /**
   * Begins, or goes on; the same operation twice is one. @throws where the transport can't be
   * reached; it is started later then
   */
  start(operation: OperationRef): Promise<void>;
  /** Says that an operation was paused, resumed or cancelled. */
  wake(operation: OperationRef): Promise<void>;
}

/** The id of an operation's workflow. */
export const operationWorkflowId = ({ id, verb }: OperationRef): string => `${verb}.${id}`;

/** The workflow's type, and the signal that wakes it. */
export const OPERATION_WORKFLOW = 'runOperation';
export const OPERATION_SIGNAL = 'changed';

/**
 * Resets a workflow to its first task. @returns the new run's id @throws ResetError; null: there
 * are no workflows
 */
export type ResetWorkflow = ((id: string, reason: string) => Promise<string>) | null;

/**
 * Thrown where a workflow can't be reset. `absent`: no such workflow. `conflict`: it is running, or
 * has no first task.
 */
export class ResetError extends Error {
  override name = 'ResetError';
  readonly kind: 'absent' | 'conflict';

  constructor(kind: ResetError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
