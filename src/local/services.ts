import type { Supervised } from './supervise.ts';

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
