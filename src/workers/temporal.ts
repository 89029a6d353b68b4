import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { connectionOptions } from '../transport/temporal.ts';
import { temporalOf } from './process.ts';

/** Sends the SDK's own log lines through the process' log. */
export function installRuntime(log: Logger): void {
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
