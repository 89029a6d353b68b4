import type { Background } from './background.ts';

/** A process that is started again when it ends by itself. */
export interface Supervised {
  /** Its process at the moment. */
  current(): Background;
  /** Ends it for good. */
  stop(deadlineMs?: number): Promise<void>;
}

export interface Supervision {
  name: string;
  start(): Promise<Background>;
  tell(line: string): void;
  /**
   * First wait before it is started again, doubled up to 10 s with each crash; in milliseconds
   * (default 250).
   */
  patience?: number;
}

const longest = 10_000;

/**
 * Starts a process and starts it again whenever it ends without having been asked to, after a wait
 * that doubles from crash to crash.
 *
 * @throws what `start` throws the first time: what doesn't start at all is not tried again
 */
export async function supervise(supervision: Supervision): Promise<Supervised> {
  let stopping = false;
  let asked: ((value: unknown) => void) | undefined;
  const stopAsked = new Promise((resolve) => {
    asked = resolve;
  });
  let current = await supervision.start();

  async function watch(): Promise<void> {
    for (let crashes = 0; !stopping; crashes += 1) {
      const began = Date.now();
      const how = await current.exited;
      if (stopping) return;
      if (Date.now() - began > 30_000) crashes = 0;
      const wait = Math.min((supervision.patience ?? 250) * 2 ** crashes, longest);
      supervision.tell(`${supervision.name} ended (${how}); starting it again in ${wait / 1000} s`);
      await Promise.race([pause(wait), stopAsked]);
      if (!stopping) await restart();
    }
  }

  async function restart(): Promise<void> {
    try {
      current = await supervision.start();
      if (stopping) await current.stop();
      else supervision.tell(`${supervision.name} runs again`);
    } catch (error) {
      if (!stopping)
        supervision.tell(
          `${supervision.name} did not start: ${error instanceof Error ? error.message : error}`,
        );
    }
  }

  const watching = watch();
  return {
    current: () => current,
    async stop(deadlineMs) {
      stopping = true;
      asked?.(undefined);
      await current.stop(deadlineMs);
      await watching;
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());

/** What runs, in layers: each needs those below it, so that they are stopped from the top. */
export interface Services {
  add(layer: Layer, service: Stoppable): void;
  /** Stops layer after layer; what is still busy after the deadline (ms) is killed. */
  stop(deadlineMs: number): Promise<void>;
}

export type Layer = 'servers' | 'workers' | 'api';
type Stoppable = Pick<Supervised, 'stop'>;

export function createServices(): Services {
  const layers: Record<Layer, Stoppable[]> = { api: [], workers: [], servers: [] };
  return {
    add: (layer, service) => void layers[layer].push(service),
    async stop(deadlineMs) {
      // No new messages, then the effects of those there are, then what keeps them.
      for (const layer of [layers.api, layers.workers, layers.servers]) {
        await Promise.all(layer.splice(0).map((service) => service.stop(deadlineMs)));
      }
    },
  };
}
