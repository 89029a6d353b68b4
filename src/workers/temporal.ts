import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { effectActivity } from '../activities/runtime/run-effect.ts';
import type { Config } from '../config.ts';
import { connectionOptions } from '../transport/temporal.ts';
import type { Hosted } from './effects.ts';
import { temporalOf } from './process.ts';

let installed = false;

/** Sends the SDK's own log lines through the process' log. Once a process: the SDK has one runtime, and the first log stays. */
export function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // Said once an effect at every start, and meant: they have workers apart.
    if (!message.startsWith('No workflows registered')) log[levels[level]](meta ?? {}, message);
  });
  // Signals are ours: the process decides what is stopped in which order.
  Runtime.install({ logger, shutdownSignals: [] });
}

/** Connects a worker to Temporal, waiting for it as long as it takes: workers and servers may start in any order. */
export async function connectWorker(config: Config, log: Logger): Promise<NativeConnection> {
  const { address, apiKey, tls } = connectionOptions(temporalOf(config));
  for (let wait = 250; ; wait = Math.min(wait * 2, 5000)) {
    try {
      return await NativeConnection.connect({ address, apiKey: typeof apiKey === 'string' ? apiKey : undefined, tls });
    } catch (error) {
      log.warn({ err: error }, `Temporal at ${address} does not answer; trying again in ${wait} ms`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Hosts effects as activities, a Temporal worker each. */
export async function host({ config, database, effects, locks, log, started }: Hosted): Promise<{ ended: Promise<void> }> {
  installRuntime(log);
  const connection = started.add(await connectWorker(config, log), (c) => c.close());
  const workers = await Promise.all(
    effects.map((effect) =>
      Worker.create({
        connection,
        namespace: config.TEMPORAL_NAMESPACE,
        taskQueue: effect.task_queue,
        activities: { [effect.name]: effectActivity(effect, database.db, locks) },
        shutdownGraceTime: config.KNOCKON_SHUTDOWN,
        maxConcurrentActivityTaskExecutions: effect.concurrency ?? config.KNOCKON_CONCURRENCY,
        // The server's, for the queue: however many workers there are.
        maxTaskQueueActivitiesPerSecond: effect.limit?.perSecond,
        activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
      }),
    ),
  );
  const ended = Promise.all(workers.map((worker) => worker.run())).then(() => {});
  started.add(workers, async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  });
  return { ended };
}
