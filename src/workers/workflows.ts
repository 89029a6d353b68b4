import { setFlagsFromString } from 'node:v8';
import { Context } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { recordDeadLetters } from '../activities/runtime/dead-letters.ts';
import { areOfCall } from '../activities/runtime/receipts.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import type { Config } from '../settings/config.ts';
import type { AnsweredFor, DeadLetters } from '../transport/dispatch.ts';
import { namingOf } from '../transport/naming.ts';
import { beginRegisteringTypes } from './event-types.ts';
import { operationActivities, operationDependencies } from './operations.ts';
import { createPresence } from './presence.ts';
import { startHealth, transportAnswers } from './process/health.ts';
import { LimitedLog, tellingLetters } from './process/limited-log.ts';
import { createLog, type Running, ShutdownStack } from './process/process.ts';
import { temporalFailures } from './temporal-failures.ts';
import { connectWorker, installRuntime, workerPolls } from './temporal-runtime.ts';
import { chooseTransport } from './transport.ts';
import { type WorkflowSource, workflowSource } from './workflow-source.ts';

/**
 * The SDK records a stack for every promise a workflow makes, a quarter of its time at the usual
 * ten frames.
 */
const STACK_FRAMES = 3;

/**
 * Exits at once without an error, so that the same processes may be deployed under every transport.
 */
function notNeeded({ KNOCKON_TRANSPORT: transport }: Config, log: Logger): Running {
  log.warn(
    `KNOCKON_TRANSPORT is ${transport}: there are no workflows, and effect workers need no ` +
      'workflow worker; ending',
  );
  return { stop: async () => {}, ended: Promise.resolve() };
}

/**
 * `knockon worker workflows`: runs the workflows and operations, and writes the dead letters that
 * they ask for.
 */
export async function start(
  config: Config,
  source: WorkflowSource = workflowSource(),
): Promise<Running> {
  const log = createLog('worker workflows', config.LOG_LEVEL);
  if (config.KNOCKON_TRANSPORT !== 'temporal') return notNeeded(config, log);
  installRuntime(log);
  setFlagsFromString(`--stack-trace-limit=${STACK_FRAMES}`);
  const started = new ShutdownStack();
  const health = await startHealth({ config, log, started });
  const database = started.add(
    connectDatabase(config.DATABASE_URL, { connections: 2, name: 'knockon worker workflows' }),
    (d) => d.close(),
  );
  const wiring = { config, database, log, started };
  beginRegisteringTypes(wiring, started);
  const tellLetters = tellingLetters(started.add(new LimitedLog(log), (s) => s.close()));
  const activities = databaseActivities(database.db, tellLetters);
  const presence = await createPresence('workflows', wiring);
  const chosen = await chooseTransport(config, database, log);
  started.add(chosen.transport, (t) => t.close());
  health.check('transport', transportAnswers(chosen.queues));
  const connection = started.add(await connectWorker(config, log), (c) => c.close());
  const operations = await operationDependencies({ ...wiring, chosen });
  const worker = await Worker.create({
    connection,
    namespace: config.temporal.namespace,
    identity: presence.identity,
    taskQueue: namingOf(config.KNOCKON_DEPLOYMENT).workflowQueue,
    ...source,
    activities: { ...activities, ...operationActivities(operations, () => Context.current()) },
    interceptors: { activity: temporalFailures },
    shutdownGraceTime: config.KNOCKON_SHUTDOWN,
    maxCachedWorkflows: 500,
    maxConcurrentActivityTaskExecutions: 20,
  });
  const ended = runWorker(worker, started);
  presence.start();
  health.check('worker', workerPolls([worker]));
  started.add(health, (h) => h.is('stopping'));
  health.is('started');
  log.info('ready');
  return { stop: () => started.stop(), ended };
}

function databaseActivities(db: Database['db'], tell: (letters: DeadLetters) => void) {
  return {
    async recordDeadLetters(letters: DeadLetters) {
      await recordDeadLetters(db, letters);
      tell(letters);
    },
    areOfCall: (answered: AnsweredFor) => areOfCall(db, answered),
  };
}

/** @returns when the worker has ended; rejects if it fails for good */
function runWorker(worker: Worker, started: ShutdownStack): Promise<void> {
  const run = worker.run();
  started.add(worker, async (w) => {
    if (w.getState() === 'RUNNING') w.shutdown();
    await run;
  });
  return run;
}
