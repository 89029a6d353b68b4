import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { uuidv7 } from 'uuidv7';
import {
  type DeadLetters,
  type Dispatch,
  type EffectAnswer,
  type EffectCall,
  effectQueue,
  type RetryPolicy,
  WORKFLOW_QUEUE,
} from '../../../src/transport/dispatch.ts';
import {
  attributesOf,
  searchAttributes,
} from '../../../src/transport/temporal/search-attributes.ts';
import { temporalFailures } from '../../../src/workers/temporal-failures.ts';
import type { HandOver } from '../../../src/workflows/hand-over.ts';
import type { TestNamespace } from '../../harness/temporal.ts';

/** A stand-in for an effect's worker: what the workflow sees of one. */
export type FakeEffect = (call: EffectCall) => Promise<EffectAnswer>;

export const retryPolicy: RetryPolicy = {
  attempts: 5,
  initial_ms: 1000,
  max_ms: 600_000,
  backoff: 2,
};

/** The workflow code, as `Worker.create` takes it. */
type BundledWorkflows = Required<Pick<WorkerOptions, 'workflowBundle'>>;

/** The time-skipping server with a workflow worker, and a worker for each fake effect. */
export class WorkflowTestbed {
  readonly letters: DeadLetters[] = [];
  readonly env: TestWorkflowEnvironment;
  readonly #workflows: BundledWorkflows;

  readonly #noteLetters = async (letters: DeadLetters): Promise<void> =>
    void this.letters.push(letters);

  private constructor(env: TestWorkflowEnvironment, workflows: BundledWorkflows) {
    this.env = env;
    this.#workflows = workflows;
  }

  /** @param server the time-skipping server's program */
  static async open(server: string, workflows: BundledWorkflows): Promise<WorkflowTestbed> {
    installLog();
    const path = { type: 'existing-path', path: server } as const;
    const env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: path } });
    // The time-skipping server can't list them, which `SearchAttributes` does first.
    await env.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes,
    });
    return new WorkflowTestbed(env, workflows);
  }

  /** On a server that runs already. Time takes its time there. */
  static async at(server: TestNamespace, workflows: BundledWorkflows): Promise<WorkflowTestbed> {
    installLog();
    const env = await TestWorkflowEnvironment.createFromExistingServer(server);
    await env.connection.operatorService.addSearchAttributes({
      namespace: server.namespace,
      searchAttributes,
    });
    return new WorkflowTestbed(env, workflows);
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
    const where = { connection: this.env.nativeConnection, namespace: this.env.namespace };
    const workers = await Promise.all([
      Worker.create({
        ...where,
        taskQueue: WORKFLOW_QUEUE,
        ...this.#workflows,
        activities: { recordDeadLetters },
      }),
      ...Object.entries(effects).map(([name, effect]) =>
        Worker.create({
          ...where,
          taskQueue: effectQueue(name),
          activities: { [name]: effect },
          interceptors: { activity: temporalFailures },
        }),
      ),
    ]);
    const [first, ...rest] = workers;
    if (!first) throw new Error('there is always the workflow worker');
    return await first.runUntil(
      rest.reduce<() => Promise<T>>((run, worker) => () => worker.runUntil(run()), test)(),
    );
  }

  /** Starts a workflow for a dispatch of `size` events, for the named effects. */
  async start(
    names: string[],
    options: {
      type?: string;
      workflow?: string;
      size?: number;
      batch?: number;
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
    const dispatch: Dispatch = { id: uuidv7(), type, size, subscribers };
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

const installLog = () =>
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'ERROR' } },
  });

/** An effect that is done with everything at once. */
export const healthy: FakeEffect = async ({ events }) => ({
  done: 'ids' in events ? events.ids.length : events.limit,
  open: [],
});
