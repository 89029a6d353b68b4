import type { Logger } from 'pino';

export interface Repeated {
  /** Begins no more, and lets what is under way go on for a moment. */
  stop(): Promise<void>;
}

/**
 * How long what is under way is waited for, in ms: it may be asking a server that is away, and can
 * be broken off at any moment.
 */
const PATIENCE = 2000;

/**
 * What takes long is done less often, so that it has a small part of the time; but at least so
 * often, in ms.
 */
const RAREST = 120_000;

interface Repetition {
  /** What it does, for the log: `could not …`. */
  what: string;
  everyMs: number;
  log: Pick<Logger, 'warn'>;
  /** Minimum pause, as a multiple of the task's duration (default 20: at most 5 % of the time). */
  restFactor?: number;
}

/**
 * Does something at once and then again and again. A failure is logged, and it is tried again next
 * time.
 */
export function repeat(
  { what, everyMs, log, restFactor = 20 }: Repetition,
  task: (signal: AbortSignal) => Promise<unknown>,
): Repeated {
  const stopping = new AbortController();
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const began = performance.now();
      await task(stopping.signal).catch((error) => {
        if (!stopping.signal.aborted)
          log.warn({ err: error }, `could not ${what}; trying again later`);
      });
      await rest(
        Math.max(everyMs, Math.min(restFactor * (performance.now() - began), RAREST)),
        stopping.signal,
      );
    }
  };
  const running = loop();
  return {
    async stop() {
      stopping.abort();
      await Promise.race([
        running,
        new Promise((resolve) => void setTimeout(resolve, PATIENCE).unref()),
      ]);
    },
  };
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener('abort', end, { once: true });
  });
}
