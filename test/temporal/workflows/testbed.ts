import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { uuidv7 } from 'uuidv7';
import {
  type HostedEffect,
  openServer,
  openTimeSkipping,
  type Workflows,
  withWorkers,
} from '../../../src/testing/time-skipping.ts';
import {
  type DeadLetters,
  type Dispatch,
  effectQueue,
  type RetryPolicy,
  WORKFLOW_QUEUE,
} from '../../../src/transport/dispatch.ts';
import { attributesOf } from '../../../src/transport/temporal/search-attributes.ts';
import type { HandOver } from '../../../src/workflows/hand-over.ts';
import type { TestNamespace } from '../../harness/temporal.ts';

/** A stand-in for an effect's worker: what the workflow sees of one. */
export type FakeEffect = HostedEffect;

export const retryPolicy: RetryPolicy = {
  attempts: 5,
  initial_ms: 1000,
  max_ms: 600_000,
  backoff: 2,
};

/** The time-skipping server with a workflow worker, and a worker for each fake effect. */
export class WorkflowTestbed {
  readonly letters: DeadLetters[] = [];
  readonly env: TestWorkflowEnvironment;
  readonly #workflows: Workflows;

  readonly #noteLetters = async (letters: DeadLetters): Promise<void> =>
    void this.letters.push(letters);

  private constructor(env: TestWorkflowEnvironment, workflows: Workflows) {
    this.env = env;
    this.#workflows = workflows;
  }

  /** @param server the time-skipping server's program */
  static async open(server: string, workflows: Workflows): Promise<WorkflowTestbed> {
    return new WorkflowTestbed(await openTimeSkipping(server), workflows);
  }

  /** On a server that runs already. Time takes its time there. */
  static async at(server: TestNamespace, workflows: Workflows): Promise<WorkflowTestbed> {
    return new WorkflowTestbed(await openServer(server), workflows);
  }

  async close(): Promise<void> {
    await this.env.teardown();
  }

  /**
   * Runs the test with these effects hosted, each on its own queue. @param recordDeadLetters
   * default: they are in `letters`
   */
  async with<T>(
    effects: Record<string, FakeEffect>,
    test: () => Promise<T>,
    recordDeadLetters = this.#noteLetters,
  ): Promise<T> {
    this.letters.length = 0;
    const hosting = { effects, recordDeadLetters, workflows: this.#workflows };
    return await withWorkers(this.env, hosting, test);
  }

  /** Starts a workflow for a dispatch of `size` events, for the named effects. */
  async start(
    names: string[],
    options: {
      type?: string;
      workflow?: string;
      size?: number;
      batch?: number;
      /** Whose its events are. */
      share?: string;
      retry?: Partial<RetryPolicy>;
      before?: HandOver;
      /** False: as where the namespace does not take ours. */
      attributes?: boolean;
    } = {},
  ): Promise<WorkflowHandle> {
    const {
      type = 'message.created',
      workflow = 'onMessageCreated',
      size = 1,
      batch = 500,
    } = options;
    const subscribers = names.map((name) => ({
      name,
      task_queue: effectQueue(name),
      activity: name,
      batch,
      timeout_ms: 30_000,
      retry: { ...retryPolicy, ...options.retry },
    }));
    const { share } = options;
    const dispatch: Dispatch = { id: uuidv7(), type, size, subscribers, ...(share && { share }) };
    const args = options.before ? [dispatch, options.before] : [dispatch];
    const typedSearchAttributes = options.attributes === false ? [] : attributesOf(type);
    return await this.env.client.workflow.start(workflow, {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: dispatch.id,
      args,
      typedSearchAttributes,
    });
  }
}

/** An effect that is done with everything at once. */
export const healthy: FakeEffect = async ({ events }) => ({
  done: 'ids' in events ? events.ids.length : events.limit,
  open: [],
});
