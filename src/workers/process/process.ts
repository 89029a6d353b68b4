import { setTimeout as wait } from 'node:timers/promises';
import pino, { type DestinationStream, type Logger } from 'pino';
import { isError, safeError } from '../../safe-error.ts';
import type { Config } from '../../settings/config.ts';

/** What a process has started. */
export interface Running {
  /** Where it answers, if it serves. */
  url?: string;
  /** Takes no new work, finishes what is under way, closes what it opened. */
  stop(): Promise<void>;
  /**
   * Settles when it has ended by itself: rejects where something it can't go on without has failed.
   */
  ended?: Promise<void>;
}

/**
 * The log of a process: one JSON line an entry, on stdout, and never a secret. Errors are told
 * without values ({@link safeError}).
 */
export function createLog(
  name: string,
  level: Config['LOG_LEVEL'],
  to: DestinationStream = pino.destination(1),
): Logger {
  const redact = ['*.authorization', '*.secret', '*.api_key', 'headers.authorization'];
  const error = (value: unknown) => (isError(value) ? safeError(value) : value);
  const shape = {
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (word: string) => ({ level: word }) },
  };
  return pino({ name, level, redact, ...shape, serializers: { err: error, error } }, to);
}

/**
 * An error that nobody caught ends the process once that has told it. Node itself would print all
 * that is in it, people's texts too.
 */
function onLastError(tell: (error: unknown) => void): void {
  for (const event of ['uncaughtException', 'unhandledRejection'])
    process.on(event, (error: unknown) => {
      tell(error);
      process.exit(1);
    });
}

/**
 * Runs a process until it is told to stop: the first SIGTERM or SIGINT drains it, the second ends
 * it at once. Tells its parent, where it has one that listens, when it is ready; a parent that is
 * gone has told it to stop.
 *
 * @param log is told of what nobody caught
 */
export async function runProcess(
  start: () => Promise<Running>,
  deadlineMs: number,
  log = createLog('knockon', 'info'),
): Promise<void> {
  onLastError((err) => log.fatal({ err }, 'an error that nobody caught ends the process'));
  let signals = 0;
  let stop: (() => void) | undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(130);
    stop?.();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('disconnect', () => stop?.());
  if (process.connected === false) stop?.();
  const running = await Promise.race([start(), stopped]);
  // Told to stop while it waited for Postgres or Temporal: there is nothing to finish.
  if (!running) process.exit(0);
  process.send?.({ ready: true, url: running.url });
  await Promise.race([stopped, running.ended ?? stopped]);
  // What can't be finished in time is done again elsewhere: nothing waits for a process that does
  // not end.
  setTimeout(() => process.exit(1), deadlineMs + 5000).unref();
  await running.stop();
  if (process.connected) process.disconnect();
}

/**
 * Tries until it has passed, ever slower up to 5 s: processes and servers may start in any order.
 *
 * @param trouble what is the matter meanwhile, for the log
 * @param isAway tells errors that pass by themselves (default: all do)
 */
export async function retryUntilAvailable<T>(
  trouble: string | ((error: unknown) => string),
  attempt: () => Promise<T>,
  log: Logger,
  isAway = (_: unknown) => true,
): Promise<T> {
  for (let pause = 250; ; pause = Math.min(pause * 2, 5000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isAway(error)) throw error;
      log.warn(
        { err: error },
        `${typeof trouble === 'string' ? trouble : trouble(error)}; trying again in ${pause} ms`,
      );
      await wait(pause);
    }
  }
}

/** Stops things in the reverse of the order they were started in. */
export class ShutdownStack {
  readonly #stops: (() => Promise<unknown> | unknown)[] = [];

  add<T>(thing: T, stop: (thing: T) => Promise<unknown> | unknown): T {
    this.#stops.push(() => stop(thing));
    return thing;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
  }
}
