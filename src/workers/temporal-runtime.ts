import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { safeReason } from '../safe-error.ts';
import type { Config } from '../settings/config.ts';
import { CODE, codeOf } from '../transport/temporal/grpc.ts';
import type { Check } from './process/health.ts';
import { LimitedLog } from './process/limited-log.ts';
import { retryUntilAvailable } from './process/process.ts';
import { mayPass, temporalTrouble } from './temporal-trouble.ts';

const LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;

let isInstalled = false;

/**
 * Sends the SDK's log lines through the process' log. Once a process: the SDK has one runtime, and
 * keeps the first log.
 */
export function installRuntime(log: Logger): void {
  if (isInstalled) return;
  isInstalled = true;
  const limited = new LimitedLog(log);
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // Effects have workers of their own, without workflows.
    if (message.startsWith('No workflows registered')) return;
    // The worker itself reports the attempts of effects, and says more.
    if (message === 'Activity failed' && String(meta?.taskQueue).startsWith('effects.')) return;
    if (message !== 'Workflow failed') log[LEVELS[level]](meta ?? {}, message);
    else
      limited.warn(
        { workflow: String(meta?.workflowType) },
        { ...meta, cause: safeReason(meta?.error) },
        message,
      );
  });
  // Signals are ours: the process decides the order in which it stops.
  Runtime.install({ logger, shutdownSignals: [] });
}

/**
 * Connects a worker to Temporal, and waits as long as the server or the namespace is missing.
 *
 * @throws where the connection's options are wrong
 */
export async function connectWorker(config: Config, log: Logger): Promise<NativeConnection> {
  const { namespace, ...options } = config.temporal;
  const connect = async () => {
    const connection = await NativeConnection.connect(options);
    try {
      await connection.workflowService.describeNamespace({ namespace });
    } catch (error) {
      if (CODE.refused.includes(codeOf(error) ?? 0)) return connection;
      await connection.close();
      throw error;
    }
    return connection;
  };
  const trouble = (error: unknown) => temporalTrouble(error, config);
  return await retryUntilAvailable(trouble, connect, log, mayPass);
}

/** The SDK still asks the server for work, for each of these. */
export const workerPolls =
  (workers: Worker[]): Check =>
  async () => {
    const idle = workers.filter((worker) => worker.getState() !== 'RUNNING');
    if (idle.length === 0) return null;
    const queues = idle.map(({ options }) => options.taskQueue).join(', ');
    return `no calls are taken from ${queues}`;
  };
